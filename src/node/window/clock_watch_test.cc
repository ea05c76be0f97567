#include "node/window/clock_watch.h"

#include <gtest/gtest.h>

namespace templar::testing {
namespace {

constexpr int64_t kWatchedHourMs = 3'600'000;
constexpr TimestampMs kWatchStartMs = 1'800'000'000'000;

using Whose = ClockFault::Whose;

std::optional<Whose> whose(std::optional<int64_t> ledger_ahead_ms, std::optional<int64_t> store_ahead_ms) {
  const auto fault = clock_fault({ledger_ahead_ms, store_ahead_ms});
  return fault ? std::optional(fault->whose) : std::nullopt;
}

}  // namespace

TEST(ClockFaultTest, IsOfTheOneThatDiffersFromBothOthers) {
  for (const int64_t off_ms :
       {kWatchedHourMs, -kWatchedHourMs, ClockWatch::kToleranceMs + 1, -ClockWatch::kToleranceMs - 1}) {
    EXPECT_EQ(whose(off_ms, 0), Whose::kLedger) << off_ms;
    EXPECT_EQ(whose(0, off_ms), Whose::kStore) << off_ms;
    EXPECT_EQ(whose(off_ms, off_ms), Whose::kNode) << off_ms;
  }
  EXPECT_EQ(whose(kWatchedHourMs, -kWatchedHourMs), Whose::kUnknown);
  EXPECT_EQ(whose(kWatchedHourMs, 2 * kWatchedHourMs), Whose::kUnknown);
}

TEST(ClockFaultTest, IsNobodysWithinTheTolerance) {
  const int64_t tolerance_ms = ClockWatch::kToleranceMs;
  EXPECT_EQ(whose(0, 0), std::nullopt);
  EXPECT_EQ(whose(tolerance_ms, -tolerance_ms), std::nullopt);
  EXPECT_EQ(whose(std::nullopt, std::nullopt), std::nullopt);
  EXPECT_EQ(whose(tolerance_ms, std::nullopt), std::nullopt);
  EXPECT_EQ(whose(std::nullopt, -tolerance_ms), std::nullopt);
}

TEST(ClockFaultTest, SaysByHowMuchAndWhatToDo) {
  EXPECT_EQ(clock_fault({-kWatchedHourMs, -kWatchedHourMs})->reason,
            "this machine's clock is 3600 s ahead of the ledger's time and its store's: set it");
  EXPECT_EQ(
      clock_fault({kWatchedHourMs, 0})->reason,
      "the ledger's time is 3600 s ahead of this machine's clock and its store's: contributions come too "
      "early or too late for everybody, until whoever keeps the time sets its clock");
  EXPECT_NE(clock_fault({0, -kWatchedHourMs})->reason.find("store's clock is 3600 s behind"),
            std::string::npos);
  EXPECT_EQ(clock_fault({kWatchedHourMs, std::nullopt})->whose, Whose::kUnknown);
  EXPECT_NE(clock_fault({std::nullopt, kWatchedHourMs})->reason.find("the store's clock is 3600 s ahead"),
            std::string::npos);
}

class ClockWatchTest : public ::testing::Test {
 protected:
  // Block by block, looked at twice in each; the ledger is that much ahead.
  void pass_blocks(int64_t count, int64_t ledger_ahead_ms) {
    for (int64_t i = 0; i < count; ++i) {
      ++block_;
      const Block latest{block_, clock_.now_ms() + ledger_ahead_ms, {}};
      for (int look = 0; look < 2; ++look) {
        watch_.see_block(latest);
        clock_.advance(6000);
      }
    }
  }
  [[nodiscard]] std::optional<Whose> fault() const {
    const auto found = watch_.fault();
    return found ? std::optional(found->whose) : std::nullopt;
  }

  VirtualClock clock_{kWatchStartMs};
  ClockWatch watch_{&clock_, 12};
  int64_t block_ = 0;
};

TEST_F(ClockWatchTest, NamesTheNodesClockOnceItHasJumpedAndNoMoreOnceItIsSet) {
  for (const int64_t jump_ms : {kWatchedHourMs, -kWatchedHourMs}) {
    pass_blocks(3, 0);
    watch_.see_put(clock_.now_ms(), clock_.now_ms());
    EXPECT_EQ(fault(), std::nullopt);
    clock_.advance(jump_ms);
    pass_blocks(2, -jump_ms);
    watch_.see_put(clock_.now_ms() - jump_ms, clock_.now_ms());
    EXPECT_EQ(fault(), Whose::kNode);
    clock_.advance(-jump_ms);
    pass_blocks(2, 0);
    watch_.see_put(clock_.now_ms(), clock_.now_ms());
    EXPECT_EQ(fault(), std::nullopt);
  }
}

TEST_F(ClockWatchTest, NamesTheLedgersAndTheStores) {
  pass_blocks(3, kWatchedHourMs);
  EXPECT_EQ(fault(), Whose::kUnknown) << "nothing is known of a third";
  watch_.see_put(clock_.now_ms(), clock_.now_ms());
  EXPECT_EQ(fault(), Whose::kLedger);
  pass_blocks(2, 0);
  watch_.see_put(clock_.now_ms() - kWatchedHourMs, clock_.now_ms());
  pass_blocks(2, 0);
  EXPECT_EQ(fault(), Whose::kStore);
}

// What it can't compare it must not take for well.
TEST_F(ClockWatchTest, SaysWhetherItKnowsEnoughToCompare) {
  EXPECT_FALSE(watch_.knows());
  pass_blocks(3, 0);
  EXPECT_TRUE(watch_.knows()) << "a node that puts nothing has the ledger's time alone";
  watch_.see_put(clock_.now_ms(), clock_.now_ms());
  clock_.advance(kWatchedHourMs);
  pass_blocks(2, -kWatchedHourMs);
  EXPECT_FALSE(watch_.knows()) << "the store's is of before the jump";
  watch_.see_put(clock_.now_ms() - kWatchedHourMs, clock_.now_ms());
  EXPECT_TRUE(watch_.knows());
}

// While a put goes on for an hour the store's time may be any in it.
TEST_F(ClockWatchTest, KnowsThatAPutTakesTime) {
  pass_blocks(2, 0);
  const TimestampMs began_ms = clock_.now_ms();
  clock_.advance(kWatchedHourMs);
  watch_.see_put(began_ms + kWatchedHourMs / 2, began_ms);
  EXPECT_EQ(fault(), std::nullopt);
  watch_.see_put(began_ms - kWatchedHourMs / 2, began_ms);
  EXPECT_EQ(fault(), std::nullopt) << "the other reading is of before the jump";
  pass_blocks(2, 0);
  EXPECT_EQ(fault(), Whose::kStore);
}

// A node that trains for an hour finds a block that is old by then, if nobody makes blocks any more.
TEST_F(ClockWatchTest, TakesNoOldBlockForAWrongClock) {
  watch_.see_block({1, clock_.now_ms(), {}});
  clock_.advance(2 * kWatchedHourMs);
  watch_.see_block({2, clock_.now_ms() - kWatchedHourMs, {}});
  EXPECT_EQ(fault(), std::nullopt);
}

TEST(ClockWatchWithoutAClock, ComparesNothing) {
  ClockWatch watch(nullptr, 12);
  watch.see_block({1, 5, {}});
  watch.see_block({2, kWatchedHourMs, {}});
  watch.see_put(kWatchStartMs, watch.now_ms());
  EXPECT_FALSE(watch.fault());
}

}  // namespace templar::testing
