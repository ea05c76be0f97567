// What node tests work upon: communications with a very small model, engines, and whole nodes driven by hand.
// In a header alone, so that only tests of rooms that may use node/ need to link it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "core/consensus/state_root.h"
#include "core/protocol/aggregate_record.h"
#include "core/protocol/object_keys.h"
#include "engine/engine.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "node/miner/miner.h"
#include "node/validator/validator.h"
#include "node/window/environment.h"
#include "node/window/gather.h"
#include "node/window/window_clock.h"
#include "support/communications.h"

namespace templar::testing {

// One layer of 16 and 32 tokens; windows of five blocks, a checkpoint every second one, three gather peers
// and two in reserve.
inline RunSpec node_run_spec() {
  RunSpec spec = small_run_spec();
  spec.name = "nodes";
  spec.model.vocab_size = 32;
  spec.model.hidden_size = 16;
  spec.model.num_hidden_layers = 1;
  spec.model.num_attention_heads = 2;
  spec.model.num_key_value_heads = 1;
  spec.model.intermediate_size = 24;
  spec.model.tie_word_embeddings = true;
  spec.inner.sequence_length = 8;
  spec.codec.chunk = 8;
  spec.codec.topk = 4;
  spec.network = {.blocks_per_window = 5,
                  .block_seconds = 12,
                  .put_window_seconds = 12,
                  .record_wait_seconds = 24,
                  .gather_peer_count = 3,
                  .reserve_peer_count = 2,
                  .peer_replacement_frequency = 4,
                  .peer_list_window_margin = 2,
                  .checkpoint_interval = 2,
                  .contribution_retention_windows = 10};
  spec.scoring.windows_per_weights = 1;
  CHECK(validate(spec).has_value());
  return spec;
}

// The same by the seed system's rule: one gradient a window, sent after the transform.
inline RunSpec demo_node_run_spec() {
  RunSpec spec = node_run_spec();
  spec.algorithm = Algorithm::kDemo;
  spec.inner.steps = 1;
  spec.codec.use_dct = true;
  spec.codec.error_feedback_decay = 0.999;
  CHECK(validate(spec).has_value());
  return spec;
}

inline std::unique_ptr<Engine> make_node_engine(const RunSpec& spec) {
  auto engine = make_cpu_engine(spec.model, spec.inner, {.threads = 1});
  CHECK(engine.has_value());
  return *std::move(engine);
}

// The node works until it waits for time or others, or has finished. Fails as its advance() does.
template <typename Node>
[[nodiscard]] Result<Progress> work_until_waiting(Node& node) {
  for (;;) {
    TRY_ASSIGN(const Progress progress, node.advance());
    if (progress != Progress::kWorked) return progress;
  }
}

class NodeWorld {
 public:
  explicit NodeWorld(uint32_t miners = 3, uint32_t validators = 1, const RunSpec& spec = node_run_spec())
      : communications({.spec = spec, .miners = miners, .validators = validators}),
        environment(communications.model.spec, communications.store, communications.ledger,
                    *communications.shards, communications.metrics) {}

  Communications communications;
  const NodeEnvironment environment;

  [[nodiscard]] const RunSpec& spec() const { return communications.model.spec; }
  [[nodiscard]] MemoryObjectStore& store() { return communications.store; }
  [[nodiscard]] std::string bucket(uint32_t uid) const { return communications.registration(uid).bucket; }
  [[nodiscard]] std::vector<Registration> roster() const {
    auto registrations = communications.ledger.registrations();
    CHECK(registrations.has_value());
    return *std::move(registrations);
  }
  [[nodiscard]] Hash256 initial_root() const {
    ThreadTeam team(1);
    return compute_state_root(environment.layout, communications.model.parameters.spans(), team);
  }

  // A closed window of the initial model, gathered from these peers.
  [[nodiscard]] GatherRequest request(int64_t window, PeerSelection peers) const {
    const WindowClock clock(communications.ledger, spec().network);
    const auto times = clock.put_window_of(window);
    const auto block_hash = clock.block_hash(window);
    CHECK(times.has_value() && times->has_value() && block_hash.has_value());
    return {.plan = plan_window(spec(), window, 0),
            .peers = std::move(peers),
            .roster = roster(),
            .times = **times,
            .block_hash = *block_hash,
            .state_root = initial_root(),
            .parameters = communications.model.parameters.spans()};
  }

  [[nodiscard]] Contribution stored_contribution(uint32_t uid, int64_t window) const {
    auto bytes = communications.store.get(bucket(uid), contribution_key(window), 1 << 20);
    CHECK(bytes.has_value());
    auto contribution = parse_contribution(*std::move(bytes), environment.layout, spec().codec);
    CHECK(contribution.has_value());
    return *std::move(contribution);
  }

  // What the leader, uid 0, would record if it accepted what these miners have stored.
  [[nodiscard]] AggregateRecord record_of(int64_t window, int64_t outer_step, const Hash256& root,
                                          const std::vector<uint32_t>& accepted) const {
    AggregateRecord record{.run_id = environment.run_id,
                           .window = window,
                           .outer_step = outer_step,
                           .state_root = root,
                           .gather_peers = communications.miner_uids(),
                           .reserve_peers = {},
                           .accepted = {},
                           .rejected = {},
                           .leader = communications.key(0).public_key()};
    for (const uint32_t uid : accepted) {
      const Contribution contribution = stored_contribution(uid, window);
      record.accepted.push_back({uid, contribution.content_hash(), contribution.size_bytes()});
    }
    return record;
  }
  // The leader's, of that model.
  void publish_checkpoint(const CheckpointInfo& info, ConstParameterSpans parameters) {
    ThreadTeam team(1);
    const Status published = templar::publish_checkpoint(
        store(), bucket(0), {.spec = spec(), .info = info, .parameters = parameters, .tokenizer = {}},
        communications.key(0), team);
    CHECK(published.has_value());
  }
  void publish_record(const AggregateRecord& record) {
    const Bytes sealed = seal_aggregate_record(record, communications.key(0));
    CHECK(store().put(bucket(0), aggregate_record_key(record.window), sealed).has_value());
  }
};

// A miner or a validator with an engine of its own.
struct MinerNode {
  MinerNode(NodeWorld& world, uint32_t uid, const MinerOptions& options = {})
      : engine(make_node_engine(world.spec())),
        miner(world.environment, world.store(), *engine, world.communications.key(uid), options) {}
  std::unique_ptr<Engine> engine;
  Miner miner;
};
struct ValidatorNode {
  ValidatorNode(NodeWorld& world, uint32_t uid, const ValidatorOptions& options = {})
      : engine(make_node_engine(world.spec())),
        validator(world.environment, world.store(), world.communications.ledger, *engine,
                  world.communications.key(uid), options) {}
  std::unique_ptr<Engine> engine;
  Validator validator;
};

}  // namespace templar::testing
