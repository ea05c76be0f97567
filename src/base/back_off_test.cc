#include "base/back_off.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace templar {
namespace {

using std::chrono::milliseconds;

RetryRule from_one_second_to_a_minute(uint64_t seed) {
  return {.first_pause = milliseconds(1000), .longest_pause = milliseconds(60'000), .jitter_seed = seed};
}

std::vector<int64_t> pauses(BackOff& back_off, int count) {
  std::vector<int64_t> all;
  for (int i = 0; i < count; ++i) all.push_back(back_off.next_pause().count());
  return all;
}

TEST(BackOff, WaitsTwiceAsLongEachTimeAndNeverLongerThanTheLongest) {
  BackOff back_off(from_one_second_to_a_minute(7));
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
  BackOff back_off(from_one_second_to_a_minute(7));
  static_cast<void>(pauses(back_off, 9));
  back_off.succeed();
  EXPECT_FALSE(back_off.failing());
  EXPECT_LE(back_off.next_pause(), milliseconds(1500));
}

TEST(BackOff, WaitsForAnotherTimeUnderAnotherSeed) {
  BackOff one(from_one_second_to_a_minute(1));
  BackOff same(from_one_second_to_a_minute(1));
  BackOff other(from_one_second_to_a_minute(2));
  const std::vector<int64_t> first = pauses(one, 8);
  EXPECT_EQ(first, pauses(same, 8));
  EXPECT_NE(first, pauses(other, 8));
}

TEST(BackOff, DoublesExactlyWithoutASeed) {
  BackOff back_off({.first_pause = milliseconds(5), .longest_pause = milliseconds(30)});
  EXPECT_EQ(pauses(back_off, 5), (std::vector<int64_t>{5, 10, 20, 30, 30}));
  EXPECT_FALSE(back_off.exhausted());
}

TEST(BackOff, IsExhaustedAfterItsRetriesInARow) {
  BackOff back_off({.most_retries = 2});
  EXPECT_EQ(pauses(back_off, 1), std::vector<int64_t>{0});
  EXPECT_FALSE(back_off.exhausted());
  back_off.next_pause();
  EXPECT_TRUE(back_off.exhausted());
  back_off.succeed();
  EXPECT_FALSE(back_off.exhausted());
}

struct Attempts {
  int made = 0;
  int succeeds_at = 0;
  ErrorKind kind = ErrorKind::kRetry;

  Result<int> operator()() {
    if (++made < succeeds_at) return std::unexpected(Error{kind, "away"});
    return made;
  }
};

TEST(Retrying, GoesOnUntilTheCallSucceeds) {
  Attempts attempts{.succeeds_at = 3};
  std::vector<int64_t> slept;
  const auto result =
      retry({.first_pause = milliseconds(5), .longest_pause = milliseconds(5)}, ErrorKind::kRetry,
            std::ref(attempts), [&](milliseconds pause) { slept.push_back(pause.count()); });
  EXPECT_EQ(result.value(), 3);
  EXPECT_EQ(slept, (std::vector<int64_t>{5, 5}));
}

TEST(Retrying, EndsWithTheLastErrorAfterAsManyRetriesAsAllowed) {
  Attempts attempts{.succeeds_at = 100};
  EXPECT_FALSE(retry_at_once(2, ErrorKind::kRetry, std::ref(attempts)));
  EXPECT_EQ(attempts.made, 3);
}

TEST(Retrying, LeavesErrorsOfAnotherKindAlone) {
  Attempts attempts{.succeeds_at = 3, .kind = ErrorKind::kFatal};
  EXPECT_FALSE(retry_at_once(2, ErrorKind::kRetry, std::ref(attempts)));
  EXPECT_EQ(attempts.made, 1);
}

}  // namespace
}  // namespace templar
