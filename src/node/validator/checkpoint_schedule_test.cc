#include "node/validator/checkpoint_schedule.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// A replica that goes through null rounds; a checkpoint is due at every second window.
class Schedule : public ::testing::Test {
 protected:
  Schedule() { EXPECT_TRUE(replica_.begin_initial(1)); }

  [[nodiscard]] CheckpointSchedule schedule(bool in_background, std::optional<int64_t> until = std::nullopt) {
    return {world_.spec(),
            world_.ports.store,
            world_.ports.key(kLeader),
            replica_,
            start_copy_,
            timeline_,
            {.until_window = until, .in_background = in_background, .publisher = {}}};
  }
  void enter_next_window(CheckpointSchedule& schedule) {
    EXPECT_TRUE(replica_.close_window({}));
    schedule.enter_window();
  }
  [[nodiscard]] std::vector<int64_t> published() {
    return list_checkpoints(world_.ports.store, self_.bucket).value();
  }

  TestWorld world_{{.miners = 1}};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  StartCopy start_copy_{world_.environment.layout};
  WindowTimeline timeline_;
  Registration self_ = world_.ports.registration(kLeader);
};

TEST_F(Schedule, PublishesInTheBackgroundAtTheInterval) {
  CheckpointSchedule checkpoints = schedule(true);
  enter_next_window(checkpoints);
  EXPECT_TRUE(checkpoints.due());
  EXPECT_FALSE(checkpoints.advance(self_).value()) << "the window goes on meanwhile";
  EXPECT_FALSE(checkpoints.due());
  ASSERT_TRUE(checkpoints.finish(self_));
  EXPECT_EQ(checkpoints.newest_window(), 2);
  enter_next_window(checkpoints);
  EXPECT_FALSE(checkpoints.due()) << "window 3 is between two";
  EXPECT_EQ(published(), std::vector<int64_t>{2});
}

TEST_F(Schedule, WaitsForEachCheckpointUnlessItMayPublishInTheBackground) {
  CheckpointSchedule checkpoints = schedule(false);
  enter_next_window(checkpoints);
  EXPECT_TRUE(checkpoints.advance(self_).value());
  EXPECT_FALSE(checkpoints.due());
  EXPECT_EQ(published(), std::vector<int64_t>{2});
}

TEST_F(Schedule, WaitsForTheCheckpointThatTheNodeEndsWith) {
  CheckpointSchedule checkpoints = schedule(true, 3);
  for (int i = 0; i < 2; ++i) enter_next_window(checkpoints);
  EXPECT_TRUE(checkpoints.advance(self_).value());
  EXPECT_EQ(published(), std::vector<int64_t>{3}) << "it overtakes that of window 2, which was not begun";
}

TEST_F(Schedule, WaitsForTheFirstCheckpointOfARun) {
  CheckpointSchedule checkpoints = schedule(true);
  checkpoints.enter_new_run();
  EXPECT_TRUE(checkpoints.advance(self_).value());
  EXPECT_EQ(published(), std::vector<int64_t>{1});
}

TEST_F(Schedule, KeepsACheckpointDueThatFailedWhileItWaited) {
  CheckpointSchedule checkpoints = schedule(false);
  enter_next_window(checkpoints);
  const Registration nowhere{.uid = kLeader, .bucket = "no bucket's name"};
  EXPECT_TRUE(fails(checkpoints.advance(nowhere), ErrorKind::kFatal, "bucket name"));
  EXPECT_TRUE(checkpoints.due());
  EXPECT_EQ(checkpoints.newest_window(), std::nullopt);
}

}  // namespace
}  // namespace templar::testing
