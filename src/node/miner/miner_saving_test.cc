// What a miner saves of its own, and how it goes on from that.
#include <gtest/gtest.h>

#include "base/file.h"
#include "node/miner/miner.h"
#include "support/captured_logs.h"
#include "support/node_world.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::MinerNode;

// Miner 1 as a node; the leader by hand: its checkpoint of window 0 is published.
class MinersOwnState : public ::testing::Test {
 protected:
  MinersOwnState() { begin_run(world_); }

  static void begin_run(testing::NodeWorld& world) {
    world.publish_checkpoint({.window = 0, .outer_step = 0, .state_root = world.initial_root()},
                             world.communications.model.parameters.spans());
  }
  static void work(MinerNode& node) {
    const auto progress = testing::work_until_waiting(node.miner);
    ASSERT_TRUE(progress) << progress.error().message;
  }
  [[nodiscard]] std::optional<Hash256> contribution_of(uint32_t uid, int64_t window) const {
    if (!world_.communications.store.head(world_.bucket(uid), contribution_key(window)).value())
      return std::nullopt;
    return world_.stored_contribution(uid, window).content_hash();
  }

  const testing::CapturedLogs logs_;
  const testing::TemporaryFolder folder_;
  testing::NodeWorld world_{3};
};

TEST_F(MinersOwnState, TrainsOnFromItsSavedStateAsIfItHadNeverStopped) {
  const MinerOptions options{.state_file = folder_ / "state"};
  std::optional<Hash256> without_a_stop;
  {
    testing::NodeWorld twin(3);
    begin_run(twin);
    MinerNode node(twin, 1);
    ASSERT_TRUE(testing::work_until_waiting(node.miner));
    twin.communications.close_window(0);
    twin.publish_record(twin.record_of(0, 0, twin.initial_root(), {1}));
    ASSERT_TRUE(testing::work_until_waiting(node.miner));
    without_a_stop = twin.stored_contribution(1, 1).content_hash();
  }
  {
    MinerNode node(world_, 1, options);
    work(node);
    ASSERT_TRUE(node.miner.save());  // after training window 0, before closing it
  }
  MinerNode restarted(world_, 1, options);
  world_.communications.close_window(0);
  world_.publish_record(world_.record_of(0, 0, world_.initial_root(), {1}));
  work(restarted);
  EXPECT_EQ(contribution_of(1, 1), without_a_stop);
}

// Windows 0 and 1, the second of which ends where a checkpoint is due; nobody asks the miner to save
// anything.
TEST_F(MinersOwnState, SavesItsStateInTheBackgroundBeforeACheckpointsWindow) {
  const auto play = [](testing::NodeWorld& world, MinerNode& node) {
    for (int64_t window = 0; window < 2; ++window) {
      world.communications.enter_window(window);
      ASSERT_TRUE(testing::work_until_waiting(node.miner));
      if (window == 1) return;
      world.communications.close_window(window);
      world.publish_record(world.record_of(0, 0, world.initial_root(), {1}));
      ASSERT_TRUE(testing::work_until_waiting(node.miner));
    }
  };
  const auto finish = [](testing::NodeWorld& world, MinerNode& node, const Replica& replica) {
    world.communications.close_window(1);
    world.publish_record(world.record_of(1, 1, replica.state_root(), {1}));
    world.communications.enter_window(2);
    ASSERT_TRUE(testing::work_until_waiting(node.miner));
  };
  testing::NodeWorld twin(3);
  begin_run(twin);
  MinerNode without_a_stop(twin, 1);
  play(twin, without_a_stop);
  finish(twin, without_a_stop, without_a_stop.miner.replica());
  const MinerOptions options{.state_file = folder_ / "state"};
  Hash256 root;
  {
    MinerNode node(world_, 1, options);
    play(world_, node);
    root = node.miner.replica().state_root();
  }
  MinerNode restarted(world_, 1, options);
  work(restarted);
  EXPECT_EQ(restarted.miner.replica().state_root(), root);
  finish(world_, restarted, restarted.miner.replica());
  EXPECT_EQ(contribution_of(1, 2), twin.stored_contribution(1, 2).content_hash());
  EXPECT_EQ(logs_.count("own state not saved"), 0u);
}

TEST_F(MinersOwnState, GoesOnWithFreshMomentsWhereItsStateIsUnusable) {
  ASSERT_TRUE(write_file_atomically(folder_ / "state", "rubbish"));
  MinerNode node(world_, 1, {.state_file = folder_ / "state"});
  work(node);
  EXPECT_TRUE(contribution_of(1, 0));
  EXPECT_EQ(logs_.count("own state is unusable: starting with fresh moments"), 1u);
}

}  // namespace
}  // namespace templar
