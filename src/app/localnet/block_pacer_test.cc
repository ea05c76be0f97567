#include "app/localnet/block_pacer.h"

#include <gtest/gtest.h>

#include "app/localnet/run_folder.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/test_ledger.h"

namespace templar {
namespace {

using testing::fails;

// Windows of three blocks of 10 s; the put window ends 15 s after the next window's first block, so two
// blocks later.
const NetworkSpec kNetwork{
    .blocks_per_window = 3, .block_seconds = 10, .put_window_seconds = 15, .leader_loss_windows = 1};
constexpr int64_t kWindows = 3;

using Names = std::vector<std::string>;

Result<Names> nobody_missing(int64_t /*window*/) {
  return Names();
}
Result<Names> two_missing(int64_t /*window*/) {
  return Names{"miner-1", "miner-3"};
}

class BlockPacerTest : public ::testing::Test {
 protected:
  [[nodiscard]] int64_t latest() const { return ledger_.latest_block().value()->number; }
  void make_blocks(int64_t count) {
    for (int64_t i = 0; i < count; ++i) ASSERT_TRUE(ledger_.make_block(kGenesisMs + 10000 * i));
  }

  testing::TestLedger ledger_;
  BlockPacer pacer_{ledger_, ledger_, kNetwork, kWindows};
};

TEST_F(BlockPacerTest, MakesTheFirstBlockAndWaitsForContributions) {
  ASSERT_TRUE(pacer_.make_due_blocks(two_missing));
  ASSERT_TRUE(pacer_.make_due_blocks(two_missing));
  EXPECT_EQ(latest(), 0);
  EXPECT_EQ(ledger_.latest_block().value()->time_ms, kGenesisMs);
}

TEST_F(BlockPacerTest, ClosesTheWindowOnceItIsPublished) {
  make_blocks(1);
  std::vector<int64_t> asked;
  ASSERT_TRUE(pacer_.make_due_blocks([&](int64_t window) -> Result<Names> {
    asked.push_back(window);
    return Names();
  }));
  EXPECT_EQ(asked, std::vector<int64_t>{0});
  EXPECT_EQ(latest(), 5);  // 3 is the next window's first
  ASSERT_TRUE(pacer_.make_due_blocks(two_missing));
  EXPECT_EQ(latest(), 5);
}

// Its put window of 15 s, in which the keys are published, has the next window's first block and one more.
TEST_F(BlockPacerTest, ClosesAWindowOfSealedUploadsOnceTheKeysAreThere) {
  make_blocks(1);
  NetworkSpec sealed = kNetwork;
  sealed.sealed_uploads = true;
  BlockPacer pacer(ledger_, ledger_, sealed, kWindows);
  ASSERT_TRUE(pacer.make_due_blocks(nobody_missing, two_missing));
  EXPECT_EQ(latest(), 3) << "the window is over: miners publish their keys";
  std::vector<int64_t> asked;
  ASSERT_TRUE(pacer.make_due_blocks(two_missing, [&](int64_t window) -> Result<Names> {
    asked.push_back(window);
    return Names{"miner-2"};
  }));
  EXPECT_EQ(asked, std::vector<int64_t>{0});
  EXPECT_EQ(latest(), 3);
  ASSERT_TRUE(pacer.make_due_blocks(two_missing, nobody_missing));
  EXPECT_EQ(latest(), 5);
}

TEST_F(BlockPacerTest, WaitsForKeysNoLongerThanItsPatienceLasts) {
  make_blocks(1);
  NetworkSpec sealed = kNetwork;
  sealed.sealed_uploads = true;
  const testing::CapturedLogs logs;
  BlockPacer pacer(ledger_, ledger_, sealed, kWindows, {.shortest_seconds = 0, .times_longest_window = 0});
  ASSERT_TRUE(pacer.make_due_blocks(nobody_missing, two_missing));
  ASSERT_TRUE(pacer.make_due_blocks(two_missing, two_missing));
  EXPECT_EQ(latest(), 5);
  EXPECT_EQ(logs.count("window ended without a contribution of"), 1u);
}

TEST_F(BlockPacerTest, ClosesAWindowThatAnEarlierCallLeftHalfClosed) {
  make_blocks(4);
  ASSERT_TRUE(pacer_.make_due_blocks(two_missing));
  EXPECT_EQ(latest(), 5);
}

TEST_F(BlockPacerTest, HoldsUpTheFirstWindowForSoLongAndNoLonger) {
  make_blocks(1);
  const testing::CapturedLogs logs;
  BlockPacer impatient(ledger_, ledger_, kNetwork, kWindows, {.first_window_seconds = 0});
  ASSERT_TRUE(impatient.make_due_blocks(two_missing));
  EXPECT_EQ(latest(), 5);
  EXPECT_EQ(logs.count("window ended without a contribution of"), 1u);
}

TEST_F(BlockPacerTest, HoldsUpLaterWindowsAsTheLengthOfEarlierOnesAllows) {
  make_blocks(1);
  const testing::CapturedLogs logs;
  BlockPacer pacer(ledger_, ledger_, kNetwork, kWindows, {.shortest_seconds = 0});
  ASSERT_TRUE(pacer.make_due_blocks(two_missing));
  EXPECT_EQ(latest(), 0) << "there is an hour for the first one";
  ASSERT_TRUE(pacer.make_due_blocks(nobody_missing));
  EXPECT_EQ(latest(), 5);
  // The first took hardly any time.
  while (latest() < 8) ASSERT_TRUE(pacer.make_due_blocks(two_missing));
  EXPECT_EQ(logs.count("window ended without a contribution of"), 1u);
}

TEST_F(BlockPacerTest, NamesOnceWhoHoldsUpAWindow) {
  make_blocks(1);
  const testing::CapturedLogs logs;
  BlockPacer pacer(ledger_, ledger_, kNetwork, kWindows, {.notice_seconds = 0});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pacer.make_due_blocks(two_missing));
  EXPECT_EQ(logs.count("window is held up by"), 1u);
  EXPECT_EQ(latest(), 0);
}

TEST_F(BlockPacerTest, MakesNoBlockOnceTheLastWindowCanBeDecidedNoMore) {
  make_blocks(1);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(pacer_.make_due_blocks(nobody_missing));
  // Window 2 ends with block 8, closes 15 s after block 9's time, and a window of 30 s later another
  // validator could have decided it: at 135 s.
  EXPECT_EQ(latest(), 14);
}

// A network by a real clock: a window of it ends as soon, but closes when its put window is over.
class BlockPacerByAClock : public BlockPacerTest {
 protected:
  // In the middle of a second, as real blocks are.
  static constexpr TimestampMs kBegin = kGenesisMs + 300;

  [[nodiscard]] TimestampMs latest_time() const { return ledger_.latest_block().value()->time_ms - kBegin; }
  void look_at(TimestampMs since_begin, const BlockPacer::FindMissing& find_missing) {
    wall_.set(kBegin + since_begin);
    ASSERT_TRUE(by_clock_.make_due_blocks(find_missing));
  }

  VirtualClock wall_{kBegin};
  BlockPacer by_clock_{ledger_, ledger_, kNetwork, kWindows, &wall_};
};

TEST_F(BlockPacerByAClock, EndsAWindowAtOnceAndClosesItInTime) {
  look_at(0, two_missing);
  look_at(4000, two_missing);
  EXPECT_EQ(latest(), 0);
  look_at(5000, nobody_missing);
  EXPECT_EQ(latest(), 3) << "the next window's first";
  EXPECT_EQ(latest_time(), 5000);
  look_at(19600, nobody_missing);
  EXPECT_EQ(latest(), 3) << "its put window goes on to 15 s after the second that the window began in";
  look_at(19700, two_missing);
  EXPECT_EQ(latest(), 4);
  EXPECT_EQ(latest_time(), 19700);
}

// What was stored at 5.3 s is stamped with 5 s, and must lie before the block that ends its window.
TEST_F(BlockPacerByAClock, LetsTheSecondPassInWhichSealedUploadsWereStored) {
  NetworkSpec sealed = kNetwork;
  sealed.sealed_uploads = true;
  BlockPacer pacer(ledger_, ledger_, sealed, kWindows, &wall_);
  const auto look_at_sealed = [&](TimestampMs since_begin, const BlockPacer::FindMissing& find_missing) {
    wall_.set(kBegin + since_begin);
    ASSERT_TRUE(pacer.make_due_blocks(find_missing));
  };
  look_at_sealed(0, two_missing);
  look_at_sealed(5000, nobody_missing);
  look_at_sealed(5699, nobody_missing);
  EXPECT_EQ(latest(), 0);
  look_at_sealed(5700, nobody_missing);
  EXPECT_EQ(latest(), 3) << "the next window's first, at 6.0 s";
  EXPECT_EQ(latest_time(), 5700);
}

TEST_F(BlockPacerByAClock, LetsTimePassWhileAWindowIsHeldUp) {
  look_at(0, two_missing);
  look_at(9999, two_missing);
  EXPECT_EQ(latest(), 0);
  look_at(10000, two_missing);
  EXPECT_EQ(latest(), 1);
  look_at(25000, two_missing);
  EXPECT_EQ(latest(), 2);
  look_at(60000, two_missing);
  EXPECT_EQ(latest(), 2) << "not the next window's first";
  look_at(60001, nobody_missing);
  EXPECT_EQ(latest(), 3);
}

TEST_F(BlockPacerByAClock, MakesNoBlockOnceTheLastWindowCanBeDecidedNoMore) {
  for (TimestampMs time = 0; time < 1'000'000; time += 1000) look_at(time, nobody_missing);
  const int64_t end = latest_time();
  // Windows end at once, and close 15 s later; the third may be decided 30 s after that.
  EXPECT_GE(end, 3 * 15'000 + 30'000 - 1000);
  EXPECT_LE(end, 3 * 16'000 + 41'000);
  look_at(2'000'000, nobody_missing);
  EXPECT_EQ(latest_time(), end);
}

TEST_F(BlockPacerByAClock, MakesNoBlockOfThePast) {
  look_at(50000, two_missing);
  look_at(1000, nobody_missing);
  EXPECT_EQ(latest(), 3);
  EXPECT_EQ(latest_time(), 50000);
}

TEST_F(BlockPacerTest, FailsAsTheQuestionDoes) {
  make_blocks(1);
  EXPECT_TRUE(
      fails(pacer_.make_due_blocks([](int64_t) -> Result<Names> { return retry_error("the store is away"); }),
            ErrorKind::kRetry, "the store is away"));
  EXPECT_EQ(latest(), 0);
}

}  // namespace
}  // namespace templar
