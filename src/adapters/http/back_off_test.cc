#include "adapters/http/back_off.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace templar {
namespace {

using std::chrono::milliseconds;

std::vector<int64_t> pauses(BackOff& back_off, int count) {
  std::vector<int64_t> all;
  for (int i = 0; i < count; ++i) all.push_back(back_off.next_pause().count());
  return all;
}

TEST(BackOff, WaitsTwiceAsLongEachTimeAndNeverLongerThanTheLongest) {
  BackOff back_off(milliseconds(1000), milliseconds(60'000), 7);
  EXPECT_FALSE(back_off.failing());
  int64_t about = 1000;
  for (const int64_t pause : pauses(back_off, 100)) {
    EXPECT_GE(pause, about / 2);
    EXPECT_LE(pause, about * 3 / 2);
    about = std::min<int64_t>(2 * about, 60'000);
  }
  EXPECT_TRUE(back_off.failing());
}

TEST(BackOff, BeginsAnewAfterASuccess) {
  BackOff back_off(milliseconds(1000), milliseconds(60'000), 7);
  static_cast<void>(pauses(back_off, 9));
  back_off.succeed();
  EXPECT_FALSE(back_off.failing());
  EXPECT_LE(back_off.next_pause(), milliseconds(1500));
}

TEST(BackOff, WaitsForAnotherTimeUnderAnotherSeed) {
  BackOff one(milliseconds(1000), milliseconds(60'000), 1);
  BackOff same(milliseconds(1000), milliseconds(60'000), 1);
  BackOff other(milliseconds(1000), milliseconds(60'000), 2);
  const std::vector<int64_t> first = pauses(one, 8);
  EXPECT_EQ(first, pauses(same, 8));
  EXPECT_NE(first, pauses(other, 8));
}

}  // namespace
}  // namespace templar
