// What a miner keeps, and what it gives up, when it catches up.
#include <gtest/gtest.h>

#include "core/run/schedule.h"
#include "node/miner/miner.h"
#include "node/miner/miner_state.h"
#include "support/captured_logs.h"
#include "support/node_expectations.h"
#include "support/temporary_folder.h"
#include "support/test_leader.h"

namespace templar::testing {
namespace {

// A miner that is away while the leader goes on.
class MinerAway : public ::testing::Test {
 protected:
  MinerAway() { leader_.publish_checkpoint(); }
  // What it would publish next with the moments of its state file, or fresh ones, and nothing held back; it
  // stays unpublished.
  [[nodiscard]] std::optional<Hash256> contribution_without_feedback(int64_t window, bool saved_moments) {
    MinerNode node(world_, kMiner);
    if (saved_moments) {
      ParameterBuffers feedback(world_.layout());
      CHECK(node.engine
                ->edit_optimiser_state([&](OptimiserState& optimiser) -> Status {
                  const auto loaded =
                      load_miner_state({options_.state_file, world_.environment.run_id, world_.layout()},
                                       feedback.spans(), optimiser);
                  CHECK(loaded.has_value() && loaded->has_value());
                  return {};
                })
                .has_value());
    }
    EXPECT_TRUE(waits(node));
    const auto contribution = world_.ports.contribution_hash(kMiner, window);
    world_.ports.remove(kMiner, contribution_key(window));
    return contribution;
  }
  void train_first_window_and_save() {
    MinerNode node(world_, kMiner, options_);
    ASSERT_TRUE(waits(node));
    ASSERT_TRUE(node.miner.save());
  }

  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  TestWorld world_;
  const MinerOptions options_{.state_file = folder_ / "state"};
  TestLeader leader_{world_};
};

TEST_F(MinerAway, CatchesUpByTheRecordsAloneWhereItOnlyFellBehind) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  leader_.lead_windows(5);
  leader_.remove_checkpoints();
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 5);
  EXPECT_EQ(node.replica().state_root(), leader_.replica().state_root());
  EXPECT_EQ(logs_.field("in sync", "checkpoint_window"), "-1");
  EXPECT_EQ(logs_.field("in sync", "replayed_windows"), "5");
  world_.ports.enter_window(6);
  leader_.lead_windows(1);
  world_.ports.enter_window(6);
  ASSERT_TRUE(waits(node));
  EXPECT_TRUE(world_.ports.contribution_hash(kMiner, 6)) << "it joins the window that it has come to";
}

TEST_F(MinerAway, SchedulesByTheOuterStepAfterACatchUp) {
  for (const bool null_round : {false, true, false, false})
    leader_.lead_window(null_round ? std::vector<uint32_t>{}
                                   : std::vector<uint32_t>{kSecondMiner, kThirdMiner});
  world_.ports.enter_window(4);
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  leader_.lead_windows(1);
  ASSERT_TRUE(waits(node));
  const auto reports = world_.ports.metrics.named("training_step_v2");
  ASSERT_EQ(reports.size(), 1u);
  // Three outer steps of two inner ones went before: these were the steps 6 and 7.
  ASSERT_EQ(world_.spec().inner.steps, 2);
  const InnerSpec& inner = world_.spec().inner;
  EXPECT_EQ(std::get<double>(reports[0].fields.at("learning_rate")), scheduled_learning_rate(inner, 7));
  EXPECT_NE(scheduled_learning_rate(inner, 7), scheduled_learning_rate(inner, 9)) << "nor do windows count";
  EXPECT_EQ(node.engine->optimiser_state().value().updates, 4)
      << "those of the two windows that it has trained itself";
}

TEST_F(MinerAway, KeepsItsMomentsOverACatchUpAndForgetsWhatItHeldBack) {
  train_first_window_and_save();
  leader_.lead_windows(3);
  world_.ports.enter_window(3);
  const auto expected = contribution_without_feedback(3, /*saved_moments=*/true);
  EXPECT_NE(contribution_without_feedback(3, /*saved_moments=*/false), expected);
  MinerNode node(world_, kMiner, options_);
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 3), expected);
  EXPECT_EQ(node.engine->optimiser_state().value().updates, 4);
}

TEST_F(MinerAway, KeepsWhatItHeldBackWhereItMissedNoTraining) {
  train_first_window_and_save();
  leader_.lead_windows(1);
  world_.ports.enter_window(1);
  const auto without = contribution_without_feedback(1, /*saved_moments=*/true);
  MinerNode node(world_, kMiner, options_);
  ASSERT_TRUE(waits(node));
  EXPECT_NE(world_.ports.contribution_hash(kMiner, 1), without);
}

TEST_F(MinerAway, ForgetsWhatItHeldBackWhereTheWindowBecameANullRoundMeanwhile) {
  train_first_window_and_save();
  leader_.lead_window({});
  world_.ports.enter_window(1);
  const auto expected = contribution_without_feedback(1, /*saved_moments=*/true);
  MinerNode node(world_, kMiner, options_);
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 1), expected);
}

TEST_F(MinerAway, DropsOldContributionsAlsoOfWindowsThatItPassedOver) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  ASSERT_EQ(world_.spec().network.contribution_retention_windows, 10);
  leader_.lead_windows(14);
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 14);
  const auto kept = world_.ports.keys(kMiner, kContributionPrefix);
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.front(), contribution_key(4));
}

}  // namespace
}  // namespace templar::testing
