// The owner amends the run spec of a network that runs: all nodes take the change at its window, and so do
// one that joins later and one that was away over it. docs/decisions/0033-amendments.md.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <set>

#include "core/run/schedule.h"
#include "node/validator/validator_state.h"
#include "sim/virtual_network.h"
#include "support/amended_run.h"
#include "support/captured_logs.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

constexpr int64_t kAmended = 3;  // the first window that the amendments of these tests hold for
constexpr int64_t kAmendedRunWindows = 9;
constexpr uint32_t kFirstMiner = 2;
constexpr uint32_t kLateMiner = 4;
constexpr uint32_t kAwayMiner = 5;
constexpr uint32_t kLateValidator = 1;

RunSpec steered_spec() {
  RunSpec spec = node_run_spec();
  spec.network.peer_replacement_frequency = 2;
  spec.network.peer_list_window_margin = 1;
  spec.network.contribution_retention_windows = 20;
  return spec;
}

// Two validators and four miners. Miner 4 and validator 1 begin after the amended window, miner 5 is away
// from the window before the amendment is made until after it holds.
class SteeredNetwork {
 public:
  SteeredNetwork() {
    for (const uint32_t uid : ports.validator_uids())
      validators.emplace_back(ports, environment, ports.store, uid,
                              ValidatorOptions{.until_window = kAmendedRunWindows});
    for (const uint32_t uid : ports.miner_uids())
      miners.emplace_back(ports, environment, ports.store, uid,
                          MinerOptions{.until_window = kAmendedRunWindows});
  }

  // Calls make_amendments once, in window 1.
  void run(const std::function<void(TestPorts& ports)>& make_amendments) {
    bool amended = false;
    VirtualNetwork network(ports.timekeeper, ports.ledger,
                           {.block_seconds = ports.spec().network.block_seconds, .on_block = [&] {
                              if (amended || window() < 1) return;
                              make_amendments(ports);
                              amended = true;
                            }});
    const auto add = [&](auto& node, uint32_t uid) {
      network.add({"node " + std::to_string(uid), [this, &node, uid]() -> Result<Progress> {
                     return is_there(uid) ? node.advance() : Result<Progress>(Progress::kAwaitsBlock);
                   }});
    };
    for (size_t i = 0; i < validators.size(); ++i) add(validators[i], ports.validator_uids()[i]);
    for (size_t i = 0; i < miners.size(); ++i) add(miners[i], ports.miner_uids()[i]);
    const Status outcome = network.run();
    ASSERT_TRUE(outcome) << outcome.error().message;
  }

  // Of all nodes at the end.
  [[nodiscard]] std::set<Hash256> roots() const {
    std::set<Hash256> all;
    for (const ValidatorNode& node : validators) all.insert(node.replica().state_root());
    for (const MinerNode& node : miners) all.insert(node.replica().state_root());
    return all;
  }
  [[nodiscard]] AggregateRecord record(int64_t window) const { return ports.decided_record(window).value(); }
  [[nodiscard]] double learning_rate(uint32_t uid, int64_t window) const {
    for (const Measurement& measurement : ports.metrics.named("training_step_v2")) {
      if (measurement.tags.at("uid") == std::to_string(uid) &&
          std::get<int64_t>(measurement.fields.at("window")) == window)
        return std::get<double>(measurement.fields.at("learning_rate"));
    }
    ADD_FAILURE() << "uid " << uid << " has no window " << window;
    return 0;
  }

  const CapturedLogs logs;
  TestPorts ports{{.miners = 4, .validators = 2, .spec = steered_spec()}};
  const NodeEnvironment environment = environment_of(ports);
  std::deque<ValidatorNode> validators;
  std::deque<MinerNode> miners;

 private:
  [[nodiscard]] int64_t window() const {
    const auto latest = ports.ledger.latest_block();
    CHECK(latest.has_value() && latest->has_value());
    return window_of_block(ports.spec().network, (*latest)->number);
  }
  [[nodiscard]] bool is_there(uint32_t uid) const {
    const int64_t now = window();
    if (uid == kLateMiner || uid == kLateValidator) return now > kAmended + 1;
    if (uid == kAwayMiner) return now < 1 || now > kAmended;
    return true;
  }
};

std::set<Hash256> roots_after(const std::vector<FieldChange>& changes) {
  SteeredNetwork network;
  network.run([&](TestPorts& ports) {
    if (!changes.empty()) amend(ports, kAmended, changes);
  });
  return network.roots();
}

TEST(AmendedNetwork, TakesEveryChangeAtItsWindow) {
  SteeredNetwork network;
  network.run([](TestPorts& ports) {
    amend(ports, kAmended,
          {{"inner.learning_rate", "0.002"},
           {"codec.topk", "2"},
           {"network.gather_peer_count", "2"},
           {"network.reserve_peer_count", "1"},
           {"scoring.uids_per_window", "1"},
           {"outer.learning_rate", "0.3"}});
  });
  EXPECT_EQ(network.roots().size(), 1u);
  EXPECT_EQ(network.logs.count("alarm: decision_doubted"), 0u);
  const RunSpec own = steered_spec();
  RunSpec amended = own;
  amended.inner.learning_rate = 0.002;

  const Amendment made = network.ports.ledger.amendments().value().at(0);
  EXPECT_EQ(network.record(kAmended - 1).amendments, AmendmentsInForce());
  EXPECT_EQ(network.record(kAmended).amendments, (AmendmentsInForce{1, made.hash}));
  EXPECT_EQ(network.record(kAmendedRunWindows - 1).amendments, (AmendmentsInForce{1, made.hash}));

  // The rate of the last inner step of a window, by each spec.
  const auto rate = [&](const RunSpec& spec, int64_t window) {
    return scheduled_learning_rate(spec.inner,
                                   (network.record(window).outer_step + 1) * spec.inner.steps - 1);
  };
  EXPECT_EQ(network.learning_rate(kFirstMiner, kAmended - 1), rate(own, kAmended - 1));
  EXPECT_EQ(network.learning_rate(kFirstMiner, kAmended), rate(amended, kAmended));
  EXPECT_EQ(network.learning_rate(kLateMiner, kAmendedRunWindows - 1), rate(amended, kAmendedRunWindows - 1));
  EXPECT_EQ(network.learning_rate(kAwayMiner, kAmendedRunWindows - 1), rate(amended, kAmendedRunWindows - 1));

  const auto size = [&](int64_t window) {
    return network.ports.object(kFirstMiner, contribution_key(window)).size();
  };
  EXPECT_LT(size(kAmended), size(kAmended - 1)) << "half the values";
  EXPECT_EQ(network.record(kAmended - 1).gather_peers.size(), 3u);
  EXPECT_EQ(network.record(kAmendedRunWindows - 1).gather_peers.size(), 2u);
  EXPECT_EQ(network.record(kAmendedRunWindows - 1).reserve_peers.size(), 1u);
  for (const uint32_t uid : network.ports.validator_uids()) {
    const auto state = parse_validator_state(network.ports.object(uid, kValidatorStateKey));
    ASSERT_TRUE(state && state->draw);
    EXPECT_EQ(state->draw->candidates.size(), 4u);
    EXPECT_EQ(state->draw->uids.size(), 1u);
  }
}

TEST(AmendedNetwork, IsAnotherRunByEachChangeThatTheModelDependsOn) {
  std::set<Hash256> all;
  for (const std::vector<FieldChange>& changes :
       {std::vector<FieldChange>{},
        {{"inner.learning_rate", "0.002"}},
        {{"inner.warmup_steps", "30"}},
        {{"codec.topk", "2"}},
        {{"codec.error_feedback_decay", "0.5"}},
        {{"outer.learning_rate", "0.3"}},
        {{"outer.aggregation", "mean_all"}},
        {{"network.gather_peer_count", "1"}, {"network.reserve_peer_count", "0"}}}) {
    const std::set<Hash256> roots = roots_after(changes);
    EXPECT_EQ(roots.size(), 1u) << (changes.empty() ? "as it was" : changes[0].path);
    for (const Hash256& root : roots)
      EXPECT_TRUE(all.insert(root).second) << (changes.empty() ? "as it was" : changes[0].path);
  }
}

TEST(AmendedNetwork, TakesOneAmendmentAfterTheOther) {
  SteeredNetwork network;
  network.run([](TestPorts& ports) {
    amend(ports, kAmended, {{"outer.learning_rate", "0.3"}});
    amend(ports, kAmended + 2, {{"codec.topk", "2"}});
    amend(ports, kAmended + 2, {{"outer.learning_rate", "0.9"}});
  });
  EXPECT_EQ(network.roots().size(), 1u);
  const std::vector<Amendment> made = network.ports.ledger.amendments().value();
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(network.record(kAmended + 1).amendments, (AmendmentsInForce{1, made[0].hash}));
  EXPECT_EQ(network.record(kAmended + 2).amendments, (AmendmentsInForce{3, made[2].hash}));
}

}  // namespace
}  // namespace templar::testing
