#include "app/world/news_wait.h"
#include "support/test_ledger.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

const NetworkSpec kNetwork{.blocks_per_window = 5, .block_seconds = 12};

bool never() {
  return false;
}

TEST(RemotePause, AsksAtMostFortyTimesAWindow) {
  for (const double window : {1.0, 5.0, 20.0, 60.0, 300.0, 1380.0, 7200.0}) {
    int asked = 1;
    for (double waited = 0; waited < window; ++asked)
      waited += static_cast<double>(remote_pause(waited, window).count()) / 1000;
    EXPECT_LE(asked, 40) << window << " s";
  }
}

// Who has waited for a record of the leader's loses no more than half of that again.
TEST(RemotePause, GrowsWithWhatWasWaitedFor) {
  EXPECT_EQ(remote_pause(0, 1380).count(), 50);
  EXPECT_EQ(remote_pause(2, 1380).count(), 1000);
  EXPECT_EQ(remote_pause(60, 1380).count(), 30000);
  EXPECT_EQ(remote_pause(1000, 1380).count(), 86250);
  EXPECT_EQ(remote_pause(1000, 0.1).count(), 50);
}

TEST(NewsWait, EndsWithTheNextBlock) {
  testing::TestLedger ledger;
  NewsWait wait(ledger, kNetwork, true);
  wait.begin_step();
  int looks = 0;
  wait.wait_after(Progress::kAwaitsBlock, [&] {
    if (++looks == 3) EXPECT_TRUE(ledger.make_block(0));
    return looks > 1000;
  });
  EXPECT_EQ(looks, 3);
}

// Else it would be waited for the one after it, which may not come before the node has worked.
TEST(NewsWait, DoesNotMissABlockThatIsMadeDuringTheStep) {
  testing::TestLedger ledger;
  NewsWait wait(ledger, kNetwork, true);
  wait.begin_step();
  ASSERT_TRUE(ledger.make_block(0));
  const Stopwatch watch;
  wait.wait_after(Progress::kAwaitsBlock, never);
  EXPECT_LT(watch.seconds(), 5);
}

TEST(NewsWait, EndsWithAnyEntryWhereOneIsAwaited) {
  testing::TestLedger ledger;
  const NetworkSpec kLongWindows{.blocks_per_window = 100, .block_seconds = 1000};
  NewsWait wait(ledger, kLongWindows, true);
  wait.begin_step();
  int looks = 0;
  wait.wait_after(Progress::kAwaitsEntry, [&] {
    if (++looks == 3) ledger.add(1, NodeRole::kMiner);
    return looks > 1000;
  });
  EXPECT_EQ(looks, 3);
}

TEST(NewsWait, GoesOnWaitingForABlockWhereOtherEntriesCome) {
  testing::TestLedger ledger;
  NewsWait wait(ledger, kNetwork, true);
  wait.begin_step();
  int looks = 0;
  wait.wait_after(Progress::kAwaitsBlock, [&] {
    if (++looks == 2) ledger.add(1, NodeRole::kMiner);
    return looks == 5;
  });
  EXPECT_EQ(looks, 5);
}

TEST(NewsWait, LooksAtStoresOfThisMachineAllTheTime) {
  const testing::TestLedger ledger;
  NewsWait wait(ledger, kNetwork, false);
  const Stopwatch watch;
  for (int i = 0; i < 20; ++i) {
    wait.begin_step();
    wait.wait_after(Progress::kAwaitsObject, never);
  }
  EXPECT_LT(watch.seconds(), 1);
}

TEST(NewsWait, WaitsLongerAndLongerForAnObjectAcrossANetwork) {
  const testing::TestLedger ledger;
  NewsWait wait(ledger, kNetwork, true);
  const Stopwatch watch;
  for (int i = 0; i < 4; ++i) {
    wait.begin_step();
    wait.wait_after(Progress::kAwaitsObject, never);
  }
  EXPECT_GE(watch.seconds(), 0.05 + 0.05 + 0.05 + 0.075);
}

TEST(NewsWait, EndsWhenItIsToStop) {
  const testing::TestLedger ledger;
  NewsWait wait(ledger, kNetwork, true);
  const Stopwatch watch;
  for (const Progress progress : {Progress::kAwaitsBlock, Progress::kAwaitsEntry, Progress::kAwaitsObject}) {
    wait.begin_step();
    wait.wait_after(progress, [] { return true; });
  }
  wait.wait_after(Progress::kWorked, never);
  wait.wait_after(Progress::kFinished, never);
  EXPECT_LT(watch.seconds(), 5);
}

}  // namespace
}  // namespace templar
