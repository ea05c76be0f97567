// The third level of the test world: what nodes are given, and whole miners and validators that a test drives
// by hand. It stands on test_ports.h; test_leader.h and test_network.h stand on it. In a header alone, so
// that only tests of rooms that may use node/ need to link it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/threads/thread_team.h"
#include "core/consensus/state_root.h"
#include "core/run/window_plan.h"
#include "engine/cpu_engine.h"
#include "engine/engine.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "node/miner/miner.h"
#include "node/validator/validator.h"
#include "node/window/environment.h"
#include "node/window/gather.h"
#include "node/window/window_clock.h"
#include "support/engine_values.h"
#include "support/test_ports.h"

namespace templar::testing {

// An engine with one thread for that run's model; its parameters are still to be set.
inline std::unique_ptr<Engine> make_node_engine(const RunSpec& spec, EngineUse use = EngineUse::kTraining) {
  auto engine = make_cpu_engine(spec.model, spec.inner, {.threads = 1, .use = use});
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

// In what a node's environment differs from what the ports give.
struct EnvironmentChanges {
  const ObjectReader* store = nullptr;  // one in front of the ports' store, with faults
  std::optional<BootstrapSpec> bootstrap = {};
  std::filesystem::path checkpoint_folder = {};
};

// The ports, and a changed store, must outlive it.
[[nodiscard]] inline NodeEnvironment environment_of(TestPorts& ports,
                                                    const EnvironmentChanges& changes = {}) {
  RunSpec spec = ports.spec();
  if (changes.bootstrap) spec.bootstrap = *changes.bootstrap;
  const ObjectReader& store = changes.store ? *changes.store : ports.store;
  return {spec, store, ports.ledger, *ports.shards, ports.metrics, changes.checkpoint_folder};
}

// The ports with the environment that nodes are given of them, and what a leader publishes. What a method
// can't do, by a mistake of the test's, ends the test program.
class TestWorld {
 public:
  explicit TestWorld(const TestPortsOptions& options = {}) : ports(options) {}

  TestPorts ports;
  const NodeEnvironment environment = environment_of(ports);

  [[nodiscard]] const RunSpec& spec() const { return ports.spec(); }
  [[nodiscard]] const ParameterLayout& layout() const { return ports.run.layout; }

  // A closed window of the initial model, gathered from these peers.
  [[nodiscard]] GatherRequest request(int64_t window, PeerSelection peers) const {
    const WindowClock clock(ports.ledger, spec().network);
    const auto times = clock.put_window_of(window);
    const auto block_hash = clock.block_hash(window);
    CHECK(times.has_value() && times->has_value() && block_hash.has_value());
    return {.plan = plan_window(spec(), window, 0),
            .spec = std::make_shared<const RunSpec>(spec()),
            .peers = std::move(peers),
            .roster = ports.roster(),
            .times = **times,
            .block_hash = *block_hash,
            .state_root = ports.initial_root(),
            .parameters = ports.run.values()};
  }

  // The leader's record of the window that the replica is at, if it accepted what these miners have stored.
  [[nodiscard]] AggregateRecord record_of(const Replica& replica,
                                          const std::vector<uint32_t>& accepted) const {
    return ports.record_of(replica.window(), replica.outer_step(), replica.state_root(), accepted);
  }

  // Closes the replica's window with what the record names, all of which must be in the store.
  void follow(const AggregateRecord& record, Replica& replica) const {
    const auto named = fetch_named(environment, record, ports.roster(), {}, {});
    CHECK(named.has_value() && named->missing.empty());
    CHECK(replica.close_window(named->found).has_value());
  }
  // What following the record makes of the initial model.
  [[nodiscard]] Hash256 root_after(const AggregateRecord& record) const {
    const auto engine = make_node_engine(spec());
    Replica replica(environment, *engine, 1);
    CHECK(replica.begin_initial(record.window).has_value());
    follow(record, replica);
    return replica.state_root();
  }

  // The leader's checkpoint of the run's first window: the initial model.
  void begin_run() { publish_checkpoint(0, 0, ports.run.values()); }
  // A checkpoint of that model, in the leader's bucket and signed by it; or in another's, by that one.
  void publish_checkpoint(int64_t window, int64_t outer_step, ConstParameterSpans parameters,
                          uint32_t uid = kLeader) {
    ThreadTeam team(1);
    publish_checkpoint({.window = window,
                        .outer_step = outer_step,
                        .state_root = compute_state_root(layout(), parameters, team)},
                       parameters, uid);
  }
  void publish_checkpoint(const CheckpointInfo& info, ConstParameterSpans parameters,
                          uint32_t uid = kLeader) {
    ThreadTeam team(1);
    const Status published = templar::publish_checkpoint(
        ports.store, test_bucket(uid),
        {.spec = spec(), .info = info, .parameters = parameters, .tokenizer = {}}, ports.key(uid), team);
    CHECK(published.has_value());
  }
};

// A miner or a validator with an engine of its own. It writes into the ports' store, or into one in front of
// it that the environment must read from as well.
struct MinerNode {
  MinerNode(TestPorts& ports, const NodeEnvironment& environment, ObjectStore& store, uint32_t uid,
            const MinerOptions& options = {})
      : engine(make_node_engine(ports.spec())), miner(environment, store, *engine, ports.key(uid), options) {}
  MinerNode(TestWorld& world, uint32_t uid, const MinerOptions& options = {})
      : MinerNode(world.ports, world.environment, world.ports.store, uid, options) {}

  [[nodiscard]] Result<Progress> advance() { return miner.advance(); }
  [[nodiscard]] const Replica& replica() const { return miner.replica(); }
  [[nodiscard]] ConstParameterSpans parameters() const { return parameters_of(*engine); }

  std::unique_ptr<Engine> engine;
  Miner miner;
};
struct ValidatorNode {
  ValidatorNode(TestPorts& ports, const NodeEnvironment& environment, ObjectStore& store, uint32_t uid,
                const ValidatorOptions& options = {})
      : engine(make_node_engine(ports.spec(), EngineUse::kEvaluating)),
        writer(ports.writer(uid)),
        validator(environment, store, writer, *engine, ports.key(uid), options) {}
  ValidatorNode(TestWorld& world, uint32_t uid, const ValidatorOptions& options = {})
      : ValidatorNode(world.ports, world.environment, world.ports.store, uid, options) {}

  [[nodiscard]] Result<Progress> advance() { return validator.advance(); }
  [[nodiscard]] const Replica& replica() const { return validator.replica(); }
  [[nodiscard]] ConstParameterSpans parameters() const { return parameters_of(*engine); }

  std::unique_ptr<Engine> engine;
  LedgerWriter writer;
  Validator validator;
};

}  // namespace templar::testing
