// Whole networks in memory: leader, follower, miners and evaluator as they are, on a virtual clock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "node/evaluator/evaluator.h"
#include "sim/faulty_store.h"
#include "sim/virtual_network.h"
#include "support/captured_logs.h"
#include "support/measurement_forms.h"
#include "support/node_world.h"

namespace templar {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kWindows = 4;

// Validators 0, the leader, and 1; miners 2 to 5, of whom three are gathered; and an evaluator.
class WholeNetwork {
 public:
  explicit WholeNetwork(const RunSpec& spec = testing::node_run_spec())
      : communications_({.spec = spec, .miners = 4, .validators = 2}),
        environment_(spec, store, communications_.ledger, *communications_.shards, communications_.metrics) {
    for (const uint32_t uid : communications_.validator_uids()) {
      validators_.push_back(std::make_unique<Validator>(environment_, store, communications_.ledger,
                                                        new_engine(), communications_.key(uid),
                                                        ValidatorOptions{.until_window = kWindows}));
    }
    for (const uint32_t uid : communications_.miner_uids()) {
      miners_.push_back(std::make_unique<Miner>(environment_, store, new_engine(), communications_.key(uid),
                                                MinerOptions{.until_window = kWindows}));
    }
    evaluator_ =
        std::make_unique<Evaluator>(environment_, new_engine(), EvaluatorOptions{.until_window = kWindows});
  }

  [[nodiscard]] Status run(int threads = 1) {
    VirtualNetwork network(communications_.ledger, communications_.ledger,
                           {.threads = threads, .block_seconds = environment_.spec.network.block_seconds});
    for (const auto& node : validators_) network.add({"validator", [&node] { return node->advance(); }});
    for (const auto& node : miners_) network.add({"miner", [&node] { return node->advance(); }});
    network.add({"evaluator", [this] { return evaluator_->advance(); }});
    return network.run();
  }

  // What a node had when it had closed a window, "role uid window" -> root.
  [[nodiscard]] std::map<std::string, std::string> roots() const {
    std::map<std::string, std::string> roots;
    for (const char* name : {"training_step_v2", "validator_window_v2"}) {
      for (const Measurement& measurement : communications_.metrics.named(name)) {
        const int64_t window = std::get<int64_t>(measurement.fields.at("window"));
        const bool is_new = roots
                                .emplace(measurement.tags.at("role") + " " + measurement.tags.at("uid") +
                                             " " + std::to_string(window),
                                         std::get<std::string>(measurement.fields.at("state_root")))
                                .second;
        EXPECT_TRUE(is_new) << "a window was closed twice";
      }
    }
    return roots;
  }
  // Each window's root after it, on which all nodes agree.
  [[nodiscard]] std::vector<std::string> agreed_roots() const {
    std::map<std::string, std::set<std::string>> by_window;
    const auto all = roots();
    EXPECT_EQ(all.size(), 6u * kWindows);
    for (const auto& [node, root] : all) by_window[node.substr(node.rfind(' ') + 1)].insert(root);
    std::vector<std::string> agreed;
    for (const auto& [window, different] : by_window) {
      EXPECT_EQ(different.size(), 1u) << "window " << window;
      agreed.push_back(*different.begin());
    }
    return agreed;
  }
  [[nodiscard]] VerdictCode verdict(uint32_t uid, int64_t window) const {
    for (const WindowOutcome& outcome : validators_[0]->scoreboard().miners.at(uid).history) {
      if (outcome.window == window) return outcome.verdict;
    }
    ADD_FAILURE() << "window " << window << " is not in the history of uid " << uid;
    return VerdictCode::kAccepted;
  }
  [[nodiscard]] std::vector<WeightEntry> weights() const { return communications_.ledger.weights(0).value(); }
  [[nodiscard]] const Replica& leader() const { return validators_[0]->replica(); }
  [[nodiscard]] std::vector<int64_t> evaluated() const {
    std::vector<int64_t> windows;
    for (const Measurement& measurement : communications_.metrics.named("benchmark_metrics")) {
      windows.push_back(std::get<int64_t>(measurement.fields.at("window")));
    }
    return windows;
  }
  [[nodiscard]] std::vector<Measurement> measurements() const {
    return communications_.metrics.measurements();
  }
  void set_fault(uint32_t uid, int64_t window, const StoreFault& fault) {
    store.set_fault(communications_.registration(uid).bucket, contribution_key(window), fault);
  }
  void set_record_fault(int64_t window, const StoreFault& fault) {
    store.set_fault(communications_.registration(0).bucket, aggregate_record_key(window), fault);
  }

 private:
  Engine& new_engine() {
    return *engines_.emplace_back(testing::make_node_engine(communications_.model.spec));
  }

  testing::Communications communications_;
  FaultyStore store{communications_.store};
  const NodeEnvironment environment_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<std::unique_ptr<Validator>> validators_;
  std::vector<std::unique_ptr<Miner>> miners_;
  std::unique_ptr<Evaluator> evaluator_;
};

class WholeNetworkTest : public ::testing::Test {
 protected:
  // The roots of a run without any fault.
  static const std::vector<std::string>& undisturbed() {
    static const std::vector<std::string> roots = [] {
      WholeNetwork network;
      EXPECT_TRUE(network.run());
      return network.agreed_roots();
    }();
    return roots;
  }
  static void run(WholeNetwork& network, int threads = 1) {
    const Status outcome = network.run(threads);
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(network.leader().window(), kWindows);
  }

  const testing::CapturedLogs logs_;
};

TEST_F(WholeNetworkTest, AgreesOnTheModelAfterEveryWindow) {
  WholeNetwork network;
  run(network);
  const auto roots = network.agreed_roots();
  EXPECT_EQ(std::set(roots.begin(), roots.end()).size(), static_cast<size_t>(kWindows)) << "it did not train";
  for (const Measurement& measurement : network.measurements())
    EXPECT_EQ(testing::misfits_of(measurement), "");
  EXPECT_EQ(network.leader().outer_step(), kWindows);
  EXPECT_THAT(network.evaluated(), ElementsAre(0, 2, 4));
}

TEST_F(WholeNetworkTest, IsTheSameForEveryNumberOfThreads) {
  WholeNetwork one;
  run(one);
  for (const int threads : {2, 4}) {
    WholeNetwork several;
    run(several, threads);
    EXPECT_EQ(several.roots(), one.roots()) << threads << " threads";
    EXPECT_EQ(several.weights(), one.weights()) << threads << " threads";
    EXPECT_EQ(several.evaluated(), one.evaluated()) << threads << " threads";
  }
}

TEST_F(WholeNetworkTest, IsAnotherRunForAnotherSeed) {
  RunSpec spec = testing::node_run_spec();
  ++spec.seed;
  WholeNetwork network(spec);
  run(network);
  EXPECT_NE(network.agreed_roots(), undisturbed());
}

TEST_F(WholeNetworkTest, AgreesInDemoToo) {
  RunSpec spec = testing::node_run_spec();
  spec.algorithm = Algorithm::kDemo;
  spec.inner.steps = 1;
  spec.inner.warmup_steps = 0;
  WholeNetwork network(spec);
  run(network);
  const auto roots = network.agreed_roots();
  EXPECT_EQ(std::set(roots.begin(), roots.end()).size(), static_cast<size_t>(kWindows));
}

struct FaultCase {
  const char* name;
  StoreFault fault;
  VerdictCode verdict;
};

class FaultyContribution : public WholeNetworkTest, public ::testing::WithParamInterface<FaultCase> {};

TEST_P(FaultyContribution, IsRejectedByAllAndTheNetworkGoesOn) {
  WholeNetwork network;
  network.set_fault(3, 1, GetParam().fault);
  run(network);
  const auto roots = network.agreed_roots();
  EXPECT_EQ(network.leader().outer_step(), kWindows);
  EXPECT_EQ(network.verdict(3, 1), GetParam().verdict);
  EXPECT_EQ(network.verdict(2, 1), VerdictCode::kAccepted);
  EXPECT_EQ(network.verdict(5, 1), VerdictCode::kAccepted) << "the reserve peer stands in";
  EXPECT_EQ(network.verdict(3, 2), VerdictCode::kAccepted) << "the next window counts again";
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
  WholeNetwork network;
  for (const uint32_t uid : {2u, 3u, 4u, 5u}) network.set_fault(uid, 1, {.lose = true});
  run(network);
  const auto roots = network.agreed_roots();
  EXPECT_EQ(roots[1], roots[0]);
  EXPECT_NE(roots[2], roots[1]);
  EXPECT_EQ(network.leader().outer_step(), kWindows - 1);
}

// The store takes the contribution two blocks later, still in time; the miner must not have trained three
// times.
TEST_F(WholeNetworkTest, IsNotChangedByAStoreThatIsAwayForSomePuts) {
  WholeNetwork network;
  network.set_fault(3, 0, {.failing_puts = 2});
  network.set_fault(2, 2, {.failing_puts = 1});
  network.set_record_fault(1, {.failing_puts = 2});
  run(network);
  EXPECT_EQ(network.agreed_roots(), undisturbed());
  EXPECT_EQ(logs_.count("node will try again"), 5u);
}

TEST_F(WholeNetworkTest, IsNotChangedByAStoreThatIsAwayForSomeReads) {
  WholeNetwork network;
  network.set_record_fault(0, {.failing_reads = 4});
  network.set_fault(4, 1, {.failing_reads = 2});  // fewer than a gather tries
  run(network, 2);
  EXPECT_EQ(network.agreed_roots(), undisturbed());
}

}  // namespace
}  // namespace templar
