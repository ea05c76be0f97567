#include "app/world/node_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/captured_logs.h"
#include "support/measurement_forms.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

class NodeGuardTest : public ::testing::Test {
 protected:
  // What stands of that kind; empty text if it does not.
  [[nodiscard]] std::string reason_of(AlarmKind kind) const {
    const auto alarm = world_.environment.alarms->find(kind);
    return alarm ? alarm->reason : "";
  }
  // So much time passes, with a look each second.
  void pass_ms(int64_t ms) {
    for (int64_t passed = 0; passed < ms; passed += 1000) {
      steady_.advance(1000);
      guard_.look();
    }
  }
  [[nodiscard]] int64_t block_ms() const { return world_.spec().network.block_seconds * 1000; }
  [[nodiscard]] int64_t patience_ms() const {
    return std::max(NodeGuard::kLeastPatienceMs, NodeGuard::kMissedBlocks * block_ms());
  }
  void make_block_now() { world_.ports.make_block(); }

  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  TestWorld world_{{.miners = 1, .validators = 2}};
  VirtualClock steady_;
  NodeGuard guard_{world_.environment, {name_of(NodeRole::kMiner), 2}, {}, steady_};
};

TEST_F(NodeGuardTest, SaysThatNoBlockComesWhoShouldMakeItAndWhenOneHasCome) {
  ASSERT_TRUE(world_.ports.writer(kFollower).beat({.window = 0}));
  guard_.look();
  pass_ms(patience_ms() - 1000);
  EXPECT_EQ(reason_of(AlarmKind::kNoBlocks), "") << "another validator may be about to take over";
  pass_ms(60'000);
  EXPECT_EQ(logs_.count("alarm: no_blocks"), 1u) << "once";
  EXPECT_THAT(reason_of(AlarmKind::kNoBlocks), HasSubstr("no block has come for "));
  EXPECT_THAT(reason_of(AlarmKind::kNoBlocks),
              HasSubstr("validator 0 (never heard of), 1 (last heard of at block "));
  make_block_now();
  guard_.look();
  EXPECT_EQ(reason_of(AlarmKind::kNoBlocks), "");
  EXPECT_EQ(logs_.count("alarm has ended: no_blocks"), 1u);
  for (const Measurement& measurement : world_.ports.metrics.named("network_alarm"))
    EXPECT_EQ(misfits_of(measurement), "");
}

TEST_F(NodeGuardTest, SaysNothingWhileBlocksCome) {
  guard_.look();
  for (int i = 0; i < 20; ++i) {
    pass_ms(block_ms());
    make_block_now();
  }
  EXPECT_TRUE(world_.environment.alarms->all().empty());
}

// As in a localnet, whose blocks come when all have published.
TEST_F(NodeGuardTest, AsksForNoBlocksWhereTheirTimesAreNotTheWalls) {
  NodeGuard guard{world_.environment, {name_of(NodeRole::kMiner), 2}, {.wall_time = false}, steady_};
  for (int i = 0; i < 3; ++i) {
    guard.look();
    steady_.advance(10 * patience_ms());
  }
  EXPECT_TRUE(world_.environment.alarms->all().empty());
}

TEST_F(NodeGuardTest, SaysThatADiskIsNearlyFullUntilThereIsRoomToSpare) {
  const auto look = [&](int64_t least) {
    NodeGuard guard{
        world_.environment,
        {name_of(NodeRole::kMiner), 2},
        {.wall_time = false, .folders = {folder_ / "missing", folder_.path()}, .least_free_bytes = least},
        steady_};
    guard.look();
  };
  const auto free = static_cast<int64_t>(std::filesystem::space(folder_.path()).available);
  look(free / 2);
  EXPECT_EQ(reason_of(AlarmKind::kDiskLow), "");
  look(std::numeric_limits<int64_t>::max() / 2);
  EXPECT_THAT(reason_of(AlarmKind::kDiskLow), HasSubstr(folder_.path().string() + ": "));
  look(free - free / 20);
  EXPECT_NE(reason_of(AlarmKind::kDiskLow), "") << "there is hardly more room than needed";
  look(free / 2);
  EXPECT_EQ(reason_of(AlarmKind::kDiskLow), "");
}

TEST_F(NodeGuardTest, NeedsRoomForTheModelAndMore) {
  EXPECT_GT(least_free_bytes(world_.environment), 12 * parameter_count(world_.layout()));
}

}  // namespace
}  // namespace templar::testing
