#include "node/window/window_clock.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/test_ledger.h"

namespace templar {
namespace {

using testing::fails;
using testing::TestLedger;

// Windows of three blocks of 10 s; the put window ends 15 s after the next window's first block.
class WindowClockTest : public ::testing::Test {
 protected:
  void make_block(TimestampMs time_ms) { ASSERT_TRUE(ledger_.make_block(time_ms)); }
  void make_blocks_until(TimestampMs time_ms) {
    for (; next_ms_ <= time_ms; next_ms_ += 10000) make_block(next_ms_);
  }

  testing::TestLedger ledger_;
  TimestampMs next_ms_ = 0;
  WindowClock clock_{ledger_, {.blocks_per_window = 3, .block_seconds = 10, .put_window_seconds = 15}};
};

TEST_F(WindowClockTest, KnowsNoWindowBeforeTheFirstBlock) {
  EXPECT_EQ(clock_.current_window().value(), std::nullopt);
  EXPECT_EQ(clock_.put_window_of(0).value(), std::nullopt);
  EXPECT_FALSE(clock_.is_closed(0).value());
  EXPECT_TRUE(
      fails(clock_.block_hash(0), ErrorKind::kRetry, "block 0, the first of window 0, is not made yet"));
}

TEST_F(WindowClockTest, CountsWindowsByBlocksNotByTime) {
  make_blocks_until(20000);
  EXPECT_EQ(clock_.current_window().value(), 0);
  make_block(500000);  // late, but it is block 3
  EXPECT_EQ(clock_.current_window().value(), 1);
  EXPECT_EQ(clock_.block_hash(1).value(), ledger_.block(3).value()->hash);
}

TEST_F(WindowClockTest, KnowsThePutWindowOnceTheNextWindowHasBegun) {
  make_blocks_until(20000);
  EXPECT_EQ(clock_.put_window_of(0).value(), std::nullopt);
  make_blocks_until(30000);
  const auto times = clock_.put_window_of(0).value();
  ASSERT_TRUE(times);
  EXPECT_EQ(times->opens_ms, 0);
  EXPECT_EQ(times->closes_ms, 45000);
}

TEST_F(WindowClockTest, KnowsTheNewestWindowThatHasClosed) {
  EXPECT_EQ(clock_.newest_closed_window().value(), -1);
  make_blocks_until(40000);
  EXPECT_EQ(clock_.newest_closed_window().value(), -1);
  make_blocks_until(50000);
  EXPECT_EQ(clock_.newest_closed_window().value(), 0);
  make_blocks_until(100000);
  EXPECT_EQ(clock_.newest_closed_window().value(), 1) << "the put window of 2 is not over";
}

TEST_F(WindowClockTest, ClosesExactlyAtTheEndOfThePutWindow) {
  make_blocks_until(40000);
  make_block(44999);
  EXPECT_FALSE(clock_.is_closed(0).value());
  make_block(45000);
  EXPECT_TRUE(clock_.is_closed(0).value());
  EXPECT_FALSE(clock_.is_closed(1).value());
}

TEST_F(WindowClockTest, SaysForHowLongAWindowHasBeenClosed) {
  make_blocks_until(40000);
  make_block(54999);
  EXPECT_FALSE(clock_.is_closed(0, 10).value());
  make_block(55000);
  EXPECT_TRUE(clock_.is_closed(0, 10).value());
}

}  // namespace
}  // namespace templar
