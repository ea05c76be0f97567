#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace templar {
namespace {

// The published generator (xoshiro256**, its state filled by SplitMix64 from seed 0).
TEST(Random, GivesThePublishedGeneratorsNumbers) {
  Random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452au);
  EXPECT_EQ(random.next(), 0x1a5f849d4933e6e0u);
  EXPECT_EQ(random.next(), 0x6aa594f1262d2d2cu);
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafu);  // SplitMix64's first number from 0
}

// The first eight bytes of BLAKE2b-256 over seed, index and purpose seed the generator; computed apart from
// this code.
TEST(Random, HasAStreamForEachPurpose) {
  Random random(7, "purpose", 3);
  EXPECT_EQ(random.next(), 0x02d7283e5dbcc1eau);
  EXPECT_EQ(random.next(), 0x1f1f64dea4070fc6u);
  std::set<uint64_t> firsts;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    for (const char* purpose : {"a", "b", ""}) {
      for (uint64_t index = 0; index < 3; ++index) firsts.insert(Random(seed, purpose, index).next());
    }
  }
  EXPECT_EQ(firsts.size(), 27u);
}

// The sum of six numbers' halves, less its mean, in units of 2^-32; computed apart from this code.
TEST(Random, GivesFrozenNormalNumbers) {
  Random random(0);
  EXPECT_EQ(random.normal(), 0x1.7920e08p-4);
  EXPECT_EQ(random.normal(), -0x1.590ee38p-7);
}

TEST(Random, HasNormalNumbersOfMean0AndVariance1) {
  Random random(11);
  constexpr int kCount = 100000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.normal();
    ASSERT_LT(std::abs(value), 6);
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.015);      // standard error 0.0032
  EXPECT_NEAR(squares / kCount, 1, 0.025);  // standard error 0.0042
}

TEST(Random, DrawsEveryNumberBelowABoundEquallyOften) {
  Random random(3);
  std::array<int, 6> counts{};
  constexpr int kCount = 60000;
  for (int i = 0; i < kCount; ++i) ++counts.at(random.below(6));
  for (const int count : counts) EXPECT_NEAR(count, kCount / 6, 500);  // standard deviation 91
}

// Plain remainders of 2^64 by a bound of 3/4 of it would fall into the lowest third half of the time.
TEST(Random, HasNoBiasWhereTheBoundIsNearlyAllOf64Bits) {
  Random random(5);
  const uint64_t bound = uint64_t{3} << 62;
  int lowest_third = 0;
  constexpr int kCount = 30000;
  for (int i = 0; i < kCount; ++i) {
    const uint64_t draw = random.below(bound);
    ASSERT_LT(draw, bound);
    lowest_third += draw < (uint64_t{1} << 62);
  }
  EXPECT_NEAR(lowest_third, kCount / 3, 500);  // standard deviation 82
}

TEST(Random, HasOneNumberBelowOne) {
  Random random(5);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, DrawsFractionsFrom0UpTo1) {
  Random random(9);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = random.uniform();
    ASSERT_TRUE(value >= 0 && value < 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.015);  // standard error 0.0029
  EXPECT_EQ(Random(0).uniform(), static_cast<double>(0x99ec5f36cb75f2b4u >> 11) * 0x1p-53);
}

}  // namespace
}  // namespace templar
