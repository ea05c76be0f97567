#include "support/communications.h"

#include <string>

#include "base/check.h"
#include "base/thread_team.h"
#include "core/codec/compressor.h"
#include "core/consensus/possession.h"
#include "core/consensus/state_root.h"
#include "core/protocol/object_keys.h"
#include "core/protocol/window_plan.h"
#include "support/wallet.h"

namespace templar::testing {

Communications::Communications(const CommunicationsOptions& options)
    : model(options.spec), ledger(options.spec.seed) {
  for (uint32_t i = 0; i < options.validators; ++i) {
    validators_.push_back(register_node(NodeRole::kValidator, static_cast<double>(options.validators - i)));
  }
  for (uint32_t i = 0; i < options.miners; ++i) miners_.push_back(register_node(NodeRole::kMiner, 0));
  CHECK(ledger.make_block(0).has_value());
}

uint32_t Communications::register_node(NodeRole role, double stake) {
  const auto number = static_cast<uint32_t>(keys_.size());
  keys_.push_back(test_key(number));
  const auto uid = ledger.register_node({.role = role,
                                         .key = keys_.back().public_key(),
                                         .bucket = "node-" + std::to_string(number),
                                         .stake = stake});
  CHECK(uid.has_value() && *uid == number);
  return *uid;
}

Registration Communications::registration(uint32_t uid) const {
  const auto registrations = ledger.registrations();
  CHECK(registrations.has_value());
  return registrations->at(uid);
}

void Communications::enter_window(int64_t window) {
  const NetworkSpec& network = model.spec.network;
  for (;;) {
    const auto latest = ledger.latest_block();
    CHECK(latest.has_value() && latest->has_value());
    if ((*latest)->number >= first_block_of_window(network, window)) return;
    CHECK(ledger.make_block((*latest)->time_ms + network.block_seconds * 1000).has_value());
  }
}

Bytes Communications::sealed_contribution(uint32_t uid, int64_t window) const {
  const RunSpec& spec = model.spec;
  ThreadTeam team(1);
  const ParameterBuffers values =
      random_values(model.layout, spec.seed + 1000003 * static_cast<uint64_t>(window) + uid);
  std::vector<EncodedParameter> blocks;
  for (size_t i = 0; i < model.layout.size(); ++i) {
    auto block = compress(values.spans()[i], model.layout[i], spec.codec, team);
    CHECK(block.has_value());
    blocks.push_back(*std::move(block));
  }
  const Hash256 block_hash = local_block_hash(spec.seed, first_block_of_window(spec.network, window));
  const ContributionHeader header = {
      .run_id = run_id(spec),
      .window = window,
      .uid = uid,
      .public_key = key(uid).public_key(),
      .state_root = compute_state_root(model.layout, model.parameters.spans(), team),
      .possession_proof = prove_possession(model.parameters.spans(), block_hash, uid, window),
      .samples = {},
      .inner_steps = static_cast<uint32_t>(spec.inner.steps)};
  return seal_contribution(header, blocks, model.layout, spec.codec, key(uid));
}

void Communications::publish_contribution(uint32_t uid, int64_t window) {
  CHECK(store.put(registration(uid).bucket, contribution_key(window), sealed_contribution(uid, window))
            .has_value());
}

}  // namespace templar::testing
