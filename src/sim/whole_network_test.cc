// Whole networks in memory: leader, follower, miners and evaluator as they are, on a virtual clock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/captured_logs.h"
#include "support/measurement_forms.h"
#include "support/node_expectations.h"
#include "support/test_network.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kWindows = 4;

// What a node had when it had closed a window, "role uid window" -> root.
std::map<std::string, std::string> roots_of(const TestNetwork& network) {
  std::map<std::string, std::string> roots;
  for (const char* name : {"training_step_v2", "validator_window_v2"}) {
    for (const Measurement& measurement : network.ports.metrics.named(name)) {
      const int64_t window = std::get<int64_t>(measurement.fields.at("window"));
      const std::string node = measurement.tags.at("role") + " " + measurement.tags.at("uid");
      const bool is_new = roots
                              .emplace(node + " " + std::to_string(window),
                                       std::get<std::string>(measurement.fields.at("state_root")))
                              .second;
      EXPECT_TRUE(is_new) << "a window was closed twice";
    }
  }
  return roots;
}

// Each window's root after it, on which all nodes agree.
std::vector<std::string> agreed_roots_of(const TestNetwork& network) {
  std::map<std::string, std::set<std::string>> by_window;
  const auto all = roots_of(network);
  EXPECT_EQ(all.size(), 6u * kWindows);
  for (const auto& [node, root] : all) by_window[node.substr(node.rfind(' ') + 1)].insert(root);
  std::vector<std::string> agreed;
  for (const auto& [window, different] : by_window) {
    EXPECT_EQ(different.size(), 1u) << "window " << window;
    agreed.push_back(*different.begin());
  }
  return agreed;
}

// The leader's.
VerdictCode verdict_of(const TestNetwork& network, uint32_t uid, int64_t window) {
  for (const GatherOutcome& outcome : network.leader().validator.scoreboard().miners.at(uid).gathers) {
    if (outcome.window == window) return outcome.verdict;
  }
  ADD_FAILURE() << "window " << window << " is not among the gathers of uid " << uid;
  return VerdictCode::kAccepted;
}

std::vector<WeightEntry> weights_of(const TestNetwork& network) {
  return network.ports.ledger.weights(kLeader).value();
}

// kLeader and kFollower are validators; the miners are 2 to 5, of whom 2, 3 and 4 are gathered and 5 is in
// reserve; and there is an evaluator.
class WholeNetworkTest : public ::testing::Test {
 protected:
  // The roots of a run without any fault.
  static const std::vector<std::string>& undisturbed() {
    static const std::vector<std::string> roots = [] {
      TestNetwork network(options());
      EXPECT_TRUE(network.run());
      return agreed_roots_of(network);
    }();
    return roots;
  }
  static TestNetworkOptions options(const RunSpec& spec = node_run_spec()) {
    return {
        .ports = {.miners = 4, .validators = 2, .spec = spec}, .until_window = kWindows, .evaluates = true};
  }
  static void run(TestNetwork& network, int threads = 1) {
    const Status outcome = network.run({.threads = threads});
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(network.leader().replica().window(), kWindows);
  }

  const CapturedLogs logs_;
};

TEST_F(WholeNetworkTest, AgreesOnTheModelAfterEveryWindow) {
  TestNetwork network(options());
  run(network);
  const auto roots = agreed_roots_of(network);
  EXPECT_EQ(std::set(roots.begin(), roots.end()).size(), static_cast<size_t>(kWindows)) << "it did not train";
  for (const Measurement& measurement : network.ports.metrics.measurements())
    EXPECT_EQ(misfits_of(measurement), "");
  EXPECT_EQ(network.leader().replica().outer_step(), kWindows);
  EXPECT_THAT(network.ports.windows_measured("benchmark_metrics"), ElementsAre(0, 2, 4));
}

TEST_F(WholeNetworkTest, IsTheSameForEveryNumberOfThreads) {
  TestNetwork one(options());
  run(one);
  for (const int threads : {2, 4}) {
    TestNetwork several(options());
    run(several, threads);
    EXPECT_EQ(roots_of(several), roots_of(one)) << threads << " threads";
    EXPECT_EQ(weights_of(several), weights_of(one)) << threads << " threads";
    EXPECT_EQ(several.ports.windows_measured("benchmark_metrics"),
              one.ports.windows_measured("benchmark_metrics"))
        << threads << " threads";
  }
}

TEST_F(WholeNetworkTest, IsAnotherRunForAnotherSeed) {
  RunSpec spec = node_run_spec();
  ++spec.seed;
  TestNetwork network(options(spec));
  run(network);
  EXPECT_NE(agreed_roots_of(network), undisturbed());
}

TEST_F(WholeNetworkTest, AgreesInDemoToo) {
  RunSpec spec = node_run_spec();
  spec.algorithm = Algorithm::kDemo;
  spec.inner.steps = 1;
  spec.inner.warmup_steps = 0;
  TestNetwork network(options(spec));
  run(network);
  const auto roots = agreed_roots_of(network);
  EXPECT_EQ(std::set(roots.begin(), roots.end()).size(), static_cast<size_t>(kWindows));
}

struct FaultCase {
  const char* name;
  StoreFault fault;
  VerdictCode verdict;
};

class FaultyContribution : public WholeNetworkTest, public ::testing::WithParamInterface<FaultCase> {};

TEST_P(FaultyContribution, IsRejectedByAllAndTheNetworkGoesOn) {
  TestNetwork network(options());
  network.set_contribution_fault(3, 1, GetParam().fault);
  run(network);
  const auto roots = agreed_roots_of(network);
  EXPECT_EQ(network.leader().replica().outer_step(), kWindows);
  EXPECT_EQ(verdict_of(network, 3, 1), GetParam().verdict);
  EXPECT_EQ(verdict_of(network, 2, 1), VerdictCode::kAccepted);
  EXPECT_EQ(verdict_of(network, 5, 1), VerdictCode::kAccepted) << "the reserve peer stands in";
  EXPECT_EQ(verdict_of(network, 3, 2), VerdictCode::kAccepted) << "the next window counts again";
  EXPECT_EQ(roots[0], undisturbed()[0]);
  EXPECT_NE(roots[1], undisturbed()[1]);
}

INSTANTIATE_TEST_SUITE_P(Cases, FaultyContribution,
                         ::testing::Values(FaultCase{"Lost", {.lose = true}, VerdictCode::kMissing},
                                           FaultCase{"Damaged", {.corrupt = true}, VerdictCode::kInvalid},
                                           FaultCase{"Late", {.delay_ms = 600000}, VerdictCode::kTooLate},
                                           FaultCase{"Early", {.delay_ms = -600000}, VerdictCode::kTooEarly}),
                         [](const auto& fault) { return fault.param.name; });

TEST_F(WholeNetworkTest, MakesANullRoundOfAWindowThatNobodyContributedToAndGoesOn) {
  TestNetwork network(options());
  for (const uint32_t uid : network.ports.miner_uids())
    network.set_contribution_fault(uid, 1, {.lose = true});
  run(network);
  const auto roots = agreed_roots_of(network);
  EXPECT_EQ(roots[1], roots[0]);
  EXPECT_NE(roots[2], roots[1]);
  EXPECT_EQ(network.leader().replica().outer_step(), kWindows - 1);
}

// The store takes the contribution two blocks later, still in time; the miner must not have trained three
// times.
TEST_F(WholeNetworkTest, IsNotChangedByAStoreThatIsAwayForSomePuts) {
  TestNetwork network(options());
  network.set_contribution_fault(3, 0, {.failing_puts = 2});
  network.set_contribution_fault(2, 2, {.failing_puts = 1});
  network.set_copy_fault(2, 1, {.failing_puts = 2});
  run(network);
  EXPECT_EQ(agreed_roots_of(network), undisturbed());
  EXPECT_EQ(logs_.count(kNodeTriesAgain), 5u);
}

TEST_F(WholeNetworkTest, IsNotChangedByAStoreThatIsAwayForSomeReads) {
  TestNetwork network(options());
  network.set_contribution_fault(3, 0, {.failing_reads = 2});
  network.set_contribution_fault(4, 1, {.failing_reads = 2});  // fewer than a gather tries
  run(network, 2);
  EXPECT_EQ(agreed_roots_of(network), undisturbed());
}

}  // namespace
}  // namespace templar::testing
