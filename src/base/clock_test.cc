#include "base/clock.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(VirtualClock, StandsStillUntilToldOtherwise) {
  VirtualClock clock(1000);
  EXPECT_EQ(clock.now_ms(), 1000);
  EXPECT_EQ(clock.now_ms(), 1000);
  clock.advance(250);
  EXPECT_EQ(clock.now_ms(), 1250);
  clock.set(5);
  EXPECT_EQ(clock.now_ms(), 5);
}

TEST(SystemClock, CountsMillisecondsSince1970) {
  const TimestampMs now = SystemClock().now_ms();
  EXPECT_GT(now, TimestampMs{1'700'000'000'000});    // November 2023
  EXPECT_LT(now, TimestampMs{100'000'000'000'000});  // the year 5138: not microseconds
}

TEST(SystemClock, CountsTheSameTimeInNanoseconds) {
  const SystemClock clock;
  const int64_t before_ms = clock.now_ms();
  const int64_t now_ns = clock.now_ns();
  EXPECT_LE(before_ms, now_ns / 1'000'000);
  EXPECT_LE(now_ns / 1'000'000, clock.now_ms());
}

TEST(VirtualClock, TellsItsTimeInNanosecondsToo) {
  EXPECT_EQ(VirtualClock(7).now_ns(), 7'000'000);
}

TEST(Stopwatch, NeverRunsBackwards) {
  const Stopwatch watch;
  const double first = watch.seconds();
  const double second = watch.seconds();
  EXPECT_GE(first, 0);
  EXPECT_GE(second, first);
}

}  // namespace
}  // namespace templar
