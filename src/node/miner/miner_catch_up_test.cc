// What a miner keeps, and what it gives up, when it catches up.
#include <gtest/gtest.h>

#include "core/run/schedule.h"
#include "node/miner/miner.h"
#include "node/miner/miner_state.h"
#include "support/captured_logs.h"
#include "support/leader_by_hand.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::MinerNode;

// A miner that is away while the leader goes on.
class MinerAway : public ::testing::Test {
 protected:
  MinerAway() { leader_.publish_checkpoint(); }
  static void work(MinerNode& node) {
    const auto progress = testing::work_until_waiting(node.miner);
    ASSERT_TRUE(progress) << progress.error().message;
    EXPECT_EQ(*progress, Progress::kWaiting);
  }
  [[nodiscard]] std::optional<Hash256> contribution_of(uint32_t uid, int64_t window) const {
    if (!world_.communications.store.head(world_.bucket(uid), contribution_key(window)).value())
      return std::nullopt;
    return world_.stored_contribution(uid, window).content_hash();
  }
  // What it would publish next with the moments of its state file, or fresh ones, and nothing held back; it
  // stays unpublished.
  [[nodiscard]] std::optional<Hash256> contribution_without_feedback(int64_t window, bool saved_moments) {
    MinerNode node(world_, 1);
    if (saved_moments) {
      ParameterBuffers feedback(world_.environment.layout);
      const auto loaded = load_miner_state(options_.state_file, world_.environment.run_id, feedback.spans(),
                                           node.engine->optimiser_state());
      CHECK(loaded.has_value() && loaded->has_value());
    }
    work(node);
    const auto contribution = contribution_of(1, window);
    CHECK(world_.store().remove(world_.bucket(1), contribution_key(window)).has_value());
    return contribution;
  }
  void train_first_window_and_save() {
    MinerNode node(world_, 1, options_);
    work(node);
    ASSERT_TRUE(node.miner.save());
  }

  const testing::CapturedLogs logs_;
  const testing::TemporaryFolder folder_;
  testing::NodeWorld world_{3};
  const MinerOptions options_{.state_file = folder_ / "state"};
  testing::LeaderByHand leader_{world_};
};

TEST_F(MinerAway, CatchesUpByTheRecordsAloneWhereItOnlyFellBehind) {
  MinerNode node(world_, 1);
  work(node);
  leader_.lead_windows(5);
  leader_.remove_checkpoints();
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 5);
  EXPECT_EQ(node.miner.replica().state_root(), leader_.replica().state_root());
  EXPECT_EQ(logs_.field("in sync", "checkpoint_window"), "-1");
  EXPECT_EQ(logs_.field("in sync", "replayed_windows"), "5");
  world_.communications.enter_window(6);
  leader_.lead_windows(1);
  world_.communications.enter_window(6);
  work(node);
  EXPECT_TRUE(contribution_of(1, 6)) << "it joins the window that it has come to";
}

TEST_F(MinerAway, SchedulesByTheOuterStepAfterACatchUp) {
  for (const bool null_round : {false, true, false, false})
    leader_.lead_window(null_round ? std::vector<uint32_t>{} : std::vector<uint32_t>{2, 3});
  world_.communications.enter_window(4);
  MinerNode node(world_, 1);
  work(node);
  leader_.lead_windows(1);
  work(node);
  const auto reports = world_.communications.metrics.named("training_step_v2");
  ASSERT_EQ(reports.size(), 1u);
  // Three outer steps of two inner ones went before: these were the steps 6 and 7.
  ASSERT_EQ(world_.spec().inner.steps, 2);
  const InnerSpec& inner = world_.spec().inner;
  EXPECT_EQ(std::get<double>(reports[0].fields.at("learning_rate")), scheduled_learning_rate(inner, 7));
  EXPECT_NE(scheduled_learning_rate(inner, 7), scheduled_learning_rate(inner, 9)) << "nor do windows count";
  EXPECT_EQ(*node.engine->optimiser_state().updates, 4)
      << "those of the two windows that it has trained itself";
}

TEST_F(MinerAway, KeepsItsMomentsOverACatchUpAndForgetsWhatItHeldBack) {
  train_first_window_and_save();
  leader_.lead_windows(3);
  world_.communications.enter_window(3);
  const auto expected = contribution_without_feedback(3, /*saved_moments=*/true);
  EXPECT_NE(contribution_without_feedback(3, /*saved_moments=*/false), expected);
  MinerNode node(world_, 1, options_);
  work(node);
  EXPECT_EQ(contribution_of(1, 3), expected);
  EXPECT_EQ(*node.engine->optimiser_state().updates, 4);
}

TEST_F(MinerAway, KeepsWhatItHeldBackWhereItMissedNoTraining) {
  train_first_window_and_save();
  leader_.lead_windows(1);
  world_.communications.enter_window(1);
  const auto without = contribution_without_feedback(1, /*saved_moments=*/true);
  MinerNode node(world_, 1, options_);
  work(node);
  EXPECT_NE(contribution_of(1, 1), without);
}

TEST_F(MinerAway, ForgetsWhatItHeldBackWhereTheWindowBecameANullRoundMeanwhile) {
  train_first_window_and_save();
  leader_.lead_window({});
  world_.communications.enter_window(1);
  const auto expected = contribution_without_feedback(1, /*saved_moments=*/true);
  MinerNode node(world_, 1, options_);
  work(node);
  EXPECT_EQ(contribution_of(1, 1), expected);
}

TEST_F(MinerAway, DropsOldContributionsAlsoOfWindowsThatItPassedOver) {
  MinerNode node(world_, 1);
  work(node);
  ASSERT_EQ(world_.spec().network.contribution_retention_windows, 10);
  leader_.lead_windows(14);
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 14);
  const auto kept = world_.store().list(world_.bucket(1), kContributionPrefix).value();
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.front().key, contribution_key(4));
}

}  // namespace
}  // namespace templar
