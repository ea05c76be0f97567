// What a miner saves of its own, and how it goes on from that.
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "node/miner/miner.h"
#include "support/captured_logs.h"
#include "support/node_expectations.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// kMiner is a node; the leader acts by hand: its checkpoint of window 0 is published.
class MinersOwnState : public ::testing::Test {
 protected:
  MinersOwnState() { world_.begin_run(); }

  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  TestWorld world_;
};

TEST_F(MinersOwnState, TrainsOnFromItsSavedStateAsIfItHadNeverStopped) {
  const MinerOptions options{.state_file = folder_ / "state"};
  std::optional<Hash256> without_a_stop;
  {
    TestWorld twin;
    twin.begin_run();
    MinerNode node(twin, kMiner);
    ASSERT_TRUE(waits(node));
    twin.ports.close_window(0);
    twin.ports.publish_record(twin.ports.record_of_first_window({kMiner}));
    ASSERT_TRUE(waits(node));
    without_a_stop = twin.ports.contribution(kMiner, 1).content_hash();
  }
  {
    MinerNode node(world_, kMiner, options);
    ASSERT_TRUE(waits(node));
    ASSERT_TRUE(node.miner.save());  // after training window 0, before closing it
  }
  MinerNode restarted(world_, kMiner, options);
  world_.ports.close_window(0);
  world_.ports.publish_record(world_.ports.record_of_first_window({kMiner}));
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 1), without_a_stop);
}

// Windows 0 and 1; nobody asks the miner to save anything.
TEST_F(MinersOwnState, IsSavedWithEachContribution) {
  const auto play = [](TestWorld& world, MinerNode& node) {
    for (int64_t window = 0; window < 2; ++window) {
      world.ports.enter_window(window);
      ASSERT_TRUE(waits(node));
      if (window == 1) return;
      world.ports.close_window(window);
      world.ports.publish_record(world.ports.record_of_first_window({kMiner}));
      ASSERT_TRUE(waits(node));
    }
  };
  const auto finish = [](TestWorld& world, MinerNode& node, const Replica& replica) {
    world.ports.close_window(1);
    world.ports.publish_record(world.ports.record_of(1, 1, replica.state_root(), {kMiner}));
    world.ports.enter_window(2);
    ASSERT_TRUE(waits(node));
  };
  TestWorld twin;
  twin.begin_run();
  MinerNode without_a_stop(twin, kMiner);
  play(twin, without_a_stop);
  finish(twin, without_a_stop, without_a_stop.replica());
  const MinerOptions options{.state_file = folder_ / "state"};
  Hash256 root;
  {
    MinerNode node(world_, kMiner, options);
    play(world_, node);
    root = node.replica().state_root();
  }
  MinerNode restarted(world_, kMiner, options);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(restarted.replica().state_root(), root);
  finish(world_, restarted, restarted.replica());
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 2), twin.ports.contribution(kMiner, 2).content_hash());
  EXPECT_EQ(logs_.count("own state not saved"), 0u);
}

// Killed between saving its state and publishing: the store has nothing of it.
TEST_F(MinersOwnState, PublishesAfterARestartWhatItHadTrained) {
  TestWorld twin;
  twin.begin_run();
  MinerNode without_a_stop(twin, kMiner);
  ASSERT_TRUE(waits(without_a_stop));
  const MinerOptions options{.state_file = folder_ / "state"};
  {
    MinerNode node(world_, kMiner, options);
    ASSERT_TRUE(waits(node));
  }
  world_.ports.remove(kMiner, contribution_key(0));
  MinerNode restarted(world_, kMiner, options);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 0), twin.ports.contribution(kMiner, 0).content_hash());
  EXPECT_EQ(restarted.engine->optimiser_state().value().updates,
            without_a_stop.engine->optimiser_state().value().updates);
}

// A power cut has torn the newest file, which was not synced; the one before is whole.
TEST_F(MinersOwnState, GoesOnWithTheSyncedFileWhereTheNewestIsTorn) {
  const MinerOptions options{.state_file = folder_ / "state"};
  int64_t updates = 0;
  {
    MinerNode node(world_, kMiner, options);
    ASSERT_TRUE(waits(node));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "state.latest"));
    ASSERT_TRUE(node.miner.save());
    EXPECT_FALSE(std::filesystem::exists(folder_ / "state.latest")) << "it is older now";
    updates = node.engine->optimiser_state().value().updates;
  }
  ASSERT_TRUE(write_file_atomically(folder_ / "state.latest", "torn"));
  MinerNode restarted(world_, kMiner, options);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(restarted.engine->optimiser_state().value().updates, updates);
  EXPECT_GT(updates, 0);
  EXPECT_EQ(logs_.count("own state is unusable: going on without it"), 1u);
}

TEST_F(MinersOwnState, GoesOnWithFreshMomentsWhereItsStateIsUnusable) {
  ASSERT_TRUE(write_file_atomically(folder_ / "state", "rubbish"));
  MinerNode node(world_, kMiner, {.state_file = folder_ / "state"});
  ASSERT_TRUE(waits(node));
  EXPECT_TRUE(world_.ports.contribution_hash(kMiner, 0));
  EXPECT_EQ(logs_.count("own state is unusable: going on without it"), 1u);
}

}  // namespace
}  // namespace templar::testing
