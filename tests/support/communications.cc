#include "support/communications.h"

#include <string>

#include "base/check.h"
#include "base/thread_team.h"
#include "core/codec/compressor.h"
#include "core/consensus/possession.h"
#include "core/consensus/state_root.h"
#include "core/data/make_receipt.h"
#include "core/data/sample_assignment.h"
#include "core/protocol/object_keys.h"
#include "core/run/window_plan.h"
#include "support/wallet.h"

namespace templar::testing {
namespace {

constexpr uint64_t kShardSamples = 64;

std::unique_ptr<const ShardSource> random_shards(const RunSpec& spec) {
  auto source = make_memory_shard_source(random_shard_content(
      spec.seed, /*shards=*/1, kShardSamples, static_cast<uint64_t>(spec.inner.sequence_length),
      static_cast<uint64_t>(spec.model.vocab_size)));
  CHECK(source.has_value());
  return *std::move(source);
}

}  // namespace

Communications::Communications(const CommunicationsOptions& options)
    : model(options.spec), ledger(options.spec.seed), shards(random_shards(options.spec)) {
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

Block Communications::latest_block() const {
  const auto latest = ledger.latest_block();
  CHECK(latest.has_value() && latest->has_value());
  return **latest;
}

void Communications::make_next_block() {
  CHECK(ledger.make_block(latest_block().time_ms + model.spec.network.block_seconds * 1000).has_value());
}

void Communications::enter_window(int64_t window) {
  const int64_t first_block = first_block_of_window(model.spec.network, window);
  while (latest_block().number < first_block) make_next_block();
}

void Communications::close_window(int64_t window) {
  enter_window(window + 1);
  const auto opens = ledger.block(first_block_of_window(model.spec.network, window));
  const auto next_opens = ledger.block(first_block_of_window(model.spec.network, window + 1));
  CHECK(opens.has_value() && opens->has_value() && next_opens.has_value() && next_opens->has_value());
  const PutWindow times = put_window(model.spec.network, (*opens)->time_ms, (*next_opens)->time_ms);
  while (latest_block().time_ms <= times.closes_ms) make_next_block();
}

SampleReceipt Communications::receipt_of(uint32_t uid, int64_t window) const {
  const auto shard = shards->open_shard(0);
  CHECK(shard.has_value());
  const SampleAssignment assignment =
      assign_samples(model.spec.seed, uid, static_cast<uint64_t>(window), shard->sample_count(),
                     static_cast<uint64_t>(model.spec.inner.samples_per_window()));
  std::vector<uint64_t> ids;
  for (const uint64_t index : assignment.indices()) ids.push_back(shard->sample_id(index));
  return make_receipt(ids);
}

Bytes Communications::sealed_contribution(uint32_t uid, int64_t window,
                                          ConstParameterSpans parameters) const {
  const RunSpec& spec = model.spec;
  ThreadTeam team(1);
  const uint64_t values_seed = spec.seed + 1000003 * static_cast<uint64_t>(window) + uid;
  const ParameterBuffers values = random_values(model.layout, values_seed);
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
      .state_root = compute_state_root(model.layout, parameters, team),
      .possession_proof = prove_possession(parameters, block_hash, uid, window),
      .samples = receipt_of(uid, window),
      .inner_steps = static_cast<uint32_t>(spec.inner.steps)};
  return seal_contribution(header, blocks, model.layout, spec.codec, key(uid));
}

void Communications::publish_contribution(uint32_t uid, int64_t window, ConstParameterSpans parameters) {
  const Bytes contribution = sealed_contribution(uid, window, parameters);
  CHECK(store.put(registration(uid).bucket, contribution_key(window), contribution).has_value());
}

}  // namespace templar::testing
