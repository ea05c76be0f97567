// Nodes that were away, or whose memory went wrong, come back into a run, whatever the store does meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "sim/faulty_store.h"
#include "support/captured_logs.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/test_leader.h"
#include "support/test_network.h"

namespace templar::testing {
namespace {

RunSpec long_run_spec() {
  RunSpec spec = node_run_spec();
  spec.network.contribution_retention_windows = 60;
  return spec;
}

// A node that reads what the leader has published through a store with faults.
class Rejoin : public ::testing::Test {
 protected:
  void catch_up_without_errors() {
    const auto state = advance_to_the_end(catch_up_);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(*state, CatchUpState::kInSync);
  }
  // At every failure the replica stands at the start of a window, with the leader's model of then.
  void expect_at_a_window() {
    ASSERT_TRUE(replica_.begun());
    const int64_t window = replica_.window();
    const bool led = window < leader_.replica().window();
    EXPECT_EQ(replica_.state_root(), led ? leader_.root_at(window) : leader_.replica().state_root());
  }
  void expect_in_sync() {
    EXPECT_EQ(replica_.window(), leader_.replica().window());
    EXPECT_EQ(replica_.outer_step(), leader_.replica().outer_step());
    EXPECT_EQ(replica_.state_root(), leader_.replica().state_root());
  }

  const CapturedLogs logs_;
  TestWorld world_{{.spec = long_run_spec()}};
  TestLeader leader_{world_};
  FaultyStore store_{world_.ports.store};
  const NodeEnvironment environment_ = environment_of(world_.ports, {.store = &store_});
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{environment_, *engine_, 1};
  CatchUp catch_up_{environment_, replica_, NodeRole::kMiner, world_.ports.public_key(kMiner)};
};

class RejoinAfter : public Rejoin, public ::testing::WithParamInterface<int64_t> {};

TEST_P(RejoinAfter, WindowsIsExactlyInSync) {
  leader_.publish_checkpoint();
  leader_.lead_windows(GetParam());
  catch_up_without_errors();
  EXPECT_EQ(catch_up_.report().replayed_windows, GetParam());
  expect_in_sync();
}

INSTANTIATE_TEST_SUITE_P(Away, RejoinAfter, ::testing::Values(1, 10, 50),
                         [](const auto& windows) { return std::to_string(windows.param); });

// Each object once, at each of its reads: the checkpoint is loaded once, and the failure is passed by calling
// again.
TEST_F(Rejoin, GoesOnWhereTheStoreFailedInTheMiddle) {
  leader_.publish_checkpoint();
  leader_.lead_windows(3);
  EXPECT_TRUE(replica_.begin_initial(0));
  leader_.remove_checkpoints();
  int failures = 0;
  for (const uint32_t uid : {kMiner, kSecondMiner, kThirdMiner}) {
    for (int64_t window = 0; window < 3; ++window) {
      for (const int failing_reads : {1, 2, 3, 4, 5, 8}) {
        const std::string key = contribution_key(window);
        store_.set_fault(test_bucket(uid), key, {.failing_reads = failing_reads});
        EXPECT_TRUE(replica_.begin_initial(0));
        auto state = advance_to_the_end(catch_up_);
        while (!state) {
          ASSERT_EQ(state.error().kind, ErrorKind::kRetry) << state.error().message;
          ++failures;
          expect_at_a_window();
          state = advance_to_the_end(catch_up_);
        }
        EXPECT_EQ(*state, CatchUpState::kInSync) << key << " of uid " << uid;
        EXPECT_EQ(catch_up_.report().checkpoint_window, std::nullopt);
        expect_in_sync();
      }
    }
  }
  EXPECT_GT(failures, 3 * 3);
}

TEST_F(Rejoin, GoesOnWithoutTheCheckpointAfterAContributionWasTorn) {
  leader_.publish_checkpoint();
  leader_.lead_windows(3);
  store_.set_fault(test_bucket(kSecondMiner), contribution_key(1), {.torn_reads = 2});
  ASSERT_EQ(catch_up_.advance().value(), CatchUpState::kWorking);
  leader_.remove_checkpoints();
  ASSERT_EQ(advance_to_the_end(catch_up_).value(), CatchUpState::kBlocked);
  EXPECT_EQ(replica_.window(), 1);
  expect_at_a_window();
  world_.ports.enter_window(4);
  catch_up_without_errors();
  expect_in_sync();
}

TEST_F(Rejoin, LeavesTheReplicaWithoutAModelOnlyWhileACheckpointIsLoaded) {
  leader_.publish_checkpoint();
  leader_.lead_windows(1);
  store_.set_fault(test_bucket(kLeader), checkpoint_manifest_key(0), {.failing_reads = 2});
  for (int i = 0; i < 2; ++i) {
    ASSERT_FALSE(catch_up_.advance());
    EXPECT_FALSE(replica_.begun());
  }
  catch_up_without_errors();
  expect_in_sync();
}

constexpr int64_t kWindowsAway = 6;
constexpr size_t kFlippedElement = 270'000;  // of the embedding: in the second of its two blocks

// 20,000 tokens, so that the embedding has more than 1 MiB.
RunSpec two_block_spec() {
  RunSpec spec = node_run_spec();
  spec.model.vocab_size = 20'000;
  CHECK(validate(spec).has_value());
  return spec;
}

// kLeader and kFollower are validators; the miners are 2 to 5.
class RejoiningNetwork : public ::testing::Test {
 protected:
  void run(std::function<void()> on_block) {
    const Status outcome = network_.run({.on_block = std::move(on_block)});
    ASSERT_TRUE(outcome) << outcome.error().message;
    for (const auto& node : network_.validators) EXPECT_EQ(node.replica().state_root(), final_root());
    for (const auto& node : network_.miners) EXPECT_EQ(node.replica().state_root(), final_root());
  }
  [[nodiscard]] const Hash256& final_root() const { return network_.leader().replica().state_root(); }
  [[nodiscard]] bool is_block_of_window(int64_t window, int64_t block_in_window) const {
    const auto latest = network_.ports.ledger.latest_block().value();
    return latest->number == first_block_of_window(network_.ports.spec().network, window) + block_in_window;
  }
  // In the middle of window 3 the sign of one element changes. (In a window that begins with a checkpoint a
  // validator would put the parameters back from the copy that was taken for it.)
  void run_with_a_flipped_bit(Engine& engine) {
    run([&] {
      if (!is_block_of_window(3, 3)) return;
      edit_parameters(engine, [](ParameterSpans parameters) {
        float& element = parameters[0][kFlippedElement];
        ASSERT_NE(element, 0);
        element = -element;
      });
    });
  }
  void expect_that_block_named(const std::string& role, uint32_t uid) {
    const auto reports = network_.ports.metrics.named("model_divergence");
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports[0].tags.at("role"), role);
    EXPECT_EQ(reports[0].tags.at("uid"), std::to_string(uid));
    const auto& fields = reports[0].fields;
    EXPECT_EQ(std::get<int64_t>(fields.at("window")), 4)
        << "the step of window 3 went into what it hashes then";
    EXPECT_EQ(std::get<std::string>(fields.at("parameter")), network_.ports.run.layout[0].name);
    EXPECT_EQ(std::get<int64_t>(fields.at("block")), 1);
    EXPECT_EQ(std::get<int64_t>(fields.at("first_byte")), 1 << 20);
    EXPECT_EQ(std::get<int64_t>(fields.at("end_byte")), 20'000 * 16 * 4);
    EXPECT_EQ(std::get<int64_t>(fields.at("different_blocks")), 1);
  }

  const CapturedLogs logs_;
  TestNetwork network_{
      {.ports = {.miners = 4, .validators = 2, .spec = two_block_spec()}, .until_window = kWindowsAway}};
};

TEST_F(RejoiningNetwork, HealsAMinerInWhoseModelABitWasFlippedAndNamesTheBlock) {
  run_with_a_flipped_bit(*network_.miners[1].engine);
  expect_that_block_named("miner", 3);
}

TEST_F(RejoiningNetwork, HealsAValidatorInWhoseModelABitWasFlippedAndNamesTheBlock) {
  run_with_a_flipped_bit(*network_.validators[1].engine);
  expect_that_block_named("validator", 1);
}

TEST_F(RejoiningNetwork, CatchesUpAlthoughMinersTakeBackWhatHasBeenAccepted) {
  run([&] {
    for (const uint32_t uid : {2u, 3u}) {
      for (int64_t window = 0; window < kWindowsAway; ++window) {
        if (network_.ports.decided_record(window)) network_.ports.remove(uid, contribution_key(window));
      }
    }
  });
  // As one that comes from window 0 on: no later checkpoint helps.
  const auto engine = make_node_engine(network_.ports.spec());
  Replica replica(network_.environment, *engine, 1);
  EXPECT_TRUE(replica.begin_initial(0));
  CatchUp catch_up(network_.environment, replica, NodeRole::kMiner, network_.ports.public_key(2));
  EXPECT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  EXPECT_EQ(catch_up.report().replayed_windows, kWindowsAway);
  EXPECT_EQ(replica.state_root(), final_root());
}

}  // namespace
}  // namespace templar::testing
