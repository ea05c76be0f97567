#include "core/coding/combinadic.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace templar {
namespace {

uint64_t random_subset(int count, int width, Random& random) {
  uint64_t subset = 0;
  while (std::popcount(subset) < count) subset |= uint64_t{1} << random.below(static_cast<uint64_t>(width));
  return subset;
}

TEST(Combinadic, NumbersAllSubsetsOfASmallSetInOrder) {
  for (int width = 1; width <= 10; ++width) {
    for (int count = 1; count <= width; ++count) {
      uint64_t last = 0;
      for (uint64_t rank = 0; rank < binomial(width, count); ++rank) {
        const uint64_t subset = subset_of_rank(rank, count, width);
        ASSERT_EQ(std::popcount(subset), count);
        ASSERT_EQ(subset_rank(subset), rank);
        ASSERT_GT(subset, last);
        ASSERT_LT(subset, uint64_t{1} << width);
        last = subset;
      }
    }
  }
}

TEST(Combinadic, BringsSubsetsOfEverySizeBack) {
  Random random(1, "subsets");
  for (int width = 1; width <= 64; ++width) {
    for (int count = 0; count <= width; ++count) {
      BitWriter writer;
      std::vector<uint64_t> subsets;
      for (int i = 0; i < 4; ++i) {
        subsets.push_back(random_subset(count, width, random));
        put_subset(subsets.back(), width, writer);
      }
      const Bytes bytes = writer.take();
      BitReader reader(bytes);
      for (const uint64_t subset : subsets) ASSERT_EQ(get_subset(count, width, reader), subset);
      ASSERT_FALSE(reader.overran());
      ASSERT_EQ(reader.next_byte(), bytes.size());
    }
  }
}

TEST(Combinadic, TakesTheFirstAndTheLastSubset) {
  for (int count = 1; count < 64; ++count) {
    EXPECT_EQ(subset_of_rank(0, count, 64), low_bits(count));
    EXPECT_EQ(subset_of_rank(binomial(64, count) - 1, count, 64), low_bits(count) << (64 - count));
  }
}

}  // namespace
}  // namespace templar
