#include "node/catch_up.h"

#include <gtest/gtest.h>

#include "node/checkpoint/checkpoint.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/node_world.h"

namespace templar {
namespace {

using testing::fails;

// The leader's own way through windows 0 to 3 of three miners, and what it published of it: a checkpoint of
// window 1, and a record of every window.
class CatchingUp : public ::testing::Test {
 protected:
  CatchingUp() {
    leader_.begin_initial(0);
    for (int64_t window = 0; window < 4; ++window) lead_window(window);
  }
  void lead_window(int64_t window) {
    if (window == 1) publish_checkpoint_now();
    const auto parameters = std::as_const(*leader_engine_).parameters();
    for (const uint32_t uid : {1u, 2u, 3u})
      world_.communications.publish_contribution(uid, window, parameters);
    roots_.push_back(leader_.state_root());
    const std::vector<uint32_t> accepted =
        window == 2 ? std::vector<uint32_t>() : std::vector<uint32_t>{1, 2, 3};
    const AggregateRecord record =
        world_.record_of(window, leader_.outer_step(), leader_.state_root(), accepted);
    world_.publish_record(record);
    const auto contributions = fetch_named(world_.environment, record, world_.roster(), {});
    CHECK(contributions.has_value());
    leader_.close_window(as_list(*contributions));
  }
  void publish_checkpoint_now() {
    world_.publish_checkpoint(
        {.window = leader_.window(), .outer_step = leader_.outer_step(), .state_root = leader_.state_root()},
        std::as_const(*leader_engine_).parameters());
  }
  [[nodiscard]] auto catch_up_until(std::optional<int64_t> window) {
    return catch_up(world_.environment, replica_, window);
  }

  const testing::CapturedLogs logs_;
  testing::NodeWorld world_{3};
  std::unique_ptr<Engine> leader_engine_ = testing::make_node_engine(world_.spec());
  Replica leader_{world_.environment, *leader_engine_, 1};
  std::vector<Hash256> roots_;  // at each window's start
  std::unique_ptr<Engine> engine_ = testing::make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
};

TEST_F(CatchingUp, ReplaysEveryRecordAfterTheNewestCheckpoint) {
  const auto report = catch_up_until(std::nullopt);
  ASSERT_TRUE(report && *report);
  EXPECT_EQ((*report)->checkpoint_window, 1);
  EXPECT_EQ((*report)->replayed_windows, 3);
  EXPECT_EQ(replica_.window(), 4);
  EXPECT_EQ(replica_.outer_step(), 3) << "window 2 was a null round";
  EXPECT_EQ(replica_.state_root(), leader_.state_root());
}

TEST_F(CatchingUp, StopsWhereItIsTold) {
  const auto report = catch_up_until(2);
  ASSERT_TRUE(report && *report);
  EXPECT_EQ((*report)->replayed_windows, 1);
  EXPECT_EQ(replica_.window(), 2);
  EXPECT_EQ(replica_.state_root(), roots_[2]);
}

TEST_F(CatchingUp, IsNothingBeforeTheLeaderHasACheckpoint) {
  testing::NodeWorld empty(1);
  Replica replica(empty.environment, *engine_, 1);
  const auto report = catch_up(empty.environment, replica, std::nullopt);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(*report);
}

TEST_F(CatchingUp, NamesTheContributionThatIsGone) {
  ASSERT_TRUE(world_.store().remove(world_.bucket(2), contribution_key(3)));
  EXPECT_TRUE(fails(catch_up_until(std::nullopt), ErrorKind::kRetry, "window 3: contribution of uid 2"));
}

TEST_F(CatchingUp, EndsWhereARecordContradictsTheModel) {
  AggregateRecord record = world_.record_of(2, 2, roots_[0], {1, 2, 3});
  world_.publish_record(record);
  EXPECT_TRUE(fails(catch_up_until(std::nullopt), ErrorKind::kFatal,
                    "window 2: our model's root is " + roots_[2].brief()));
}

TEST_F(CatchingUp, AppliesARecordOnlyToTheModelThatItNames) {
  replica_.begin_initial(1);
  const AggregateRecord record = world_.record_of(1, 1, roots_[1], {1, 2, 3});
  EXPECT_TRUE(fails(apply_record(world_.environment, replica_, record, {}), ErrorKind::kFatal, "window 1"));
  EXPECT_EQ(replica_.window(), 1);
  EXPECT_EQ(replica_.state_root(), roots_[0]);
}

}  // namespace
}  // namespace templar
