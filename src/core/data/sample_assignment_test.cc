#include "core/data/sample_assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "base/random.h"

namespace templar {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kSeed = 42;

KeyedPermutation random_permutation(uint64_t seed, uint64_t size) {
  Random random(seed);
  KeyedPermutation::Key key;
  for (uint64_t& word : key) word = random.next();
  return {key, size};
}

// How many of a's indices are also b's.
uint64_t shared_indices(const SampleAssignment& a, const SampleAssignment& b) {
  const std::vector<uint64_t> first = a.indices();
  const std::set<uint64_t> wanted(first.begin(), first.end());
  uint64_t shared = 0;
  for (const uint64_t index : b.indices()) shared += wanted.count(index);
  return shared;
}

TEST(KeyedPermutation, IsABijectionForEverySizeAndKey) {
  for (const uint64_t size :
       {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 63, 64, 65, 100, 255, 256, 257, 1000, 4097, 65537}) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const KeyedPermutation permutation = random_permutation(seed, size);
      std::vector<bool> seen(size, false);
      for (uint64_t position = 0; position < size; ++position) {
        const uint64_t value = permutation.at(position);
        ASSERT_LT(value, size);
        ASSERT_FALSE(seen[value]) << "size " << size << ", seed " << seed << ": " << value << " twice";
        seen[value] = true;
      }
    }
  }
}

TEST(KeyedPermutation, StaysBelowTheLargestSizes) {
  for (const uint64_t size :
       {uint64_t{1} << 32, (uint64_t{1} << 62) + 1, std::numeric_limits<uint64_t>::max()}) {
    const KeyedPermutation permutation = random_permutation(1, size);
    std::set<uint64_t> seen;
    for (uint64_t i = 0; i < 1000; ++i) {
      const uint64_t value = permutation.at(i < 500 ? i : size - 1 - i);
      EXPECT_LT(value, size);
      EXPECT_TRUE(seen.insert(value).second);
    }
  }
}

TEST(KeyedPermutation, SendsAPositionEverywhereEquallyOften) {
  constexpr uint64_t kSize = 20;
  constexpr int kDraws = 20000;
  std::vector<int> counts(kSize, 0);
  for (int seed = 0; seed < kDraws; ++seed)
    ++counts[random_permutation(static_cast<uint64_t>(seed), kSize).at(3)];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_squared, 43.8);  // 19 degrees of freedom, one in a thousand
}

TEST(AssignSamples, GivesTheFrozenNumbers) {
  const SampleAssignment assigned = assign_samples(kSeed, 7, 1000, 1000, 8);
  EXPECT_THAT(assigned.indices(), ElementsAre(281, 797, 672, 374, 835, 299, 683, 707));
  const SampleAssignment large =
      assign_samples(std::numeric_limits<uint64_t>::max(), 255, 5, 1'000'000'000'000, 4);
  EXPECT_THAT(large.indices(), ElementsAre(43517991237, 903425515609, 912871171447, 175501702014));
  const SampleAssignment unassigned = unassigned_samples(kSeed, as_bytes("validator"), 1000, 1000, 8);
  EXPECT_THAT(unassigned.indices(), ElementsAre(959, 983, 607, 473, 313, 218, 438, 849));
}

TEST(AssignSamples, DrawsWithoutReplacement) {
  const std::vector<uint64_t> indices = assign_samples(kSeed, 1, 2, 6000, 5760).indices();
  EXPECT_EQ(std::set<uint64_t>(indices.begin(), indices.end()).size(), 5760);
}

TEST(AssignSamples, StartsOverWhereTheShardIsTooSmall) {
  const SampleAssignment assigned = assign_samples(kSeed, 1, 2, 5, 12);
  const std::vector<uint64_t> indices = assigned.indices();
  EXPECT_EQ(indices.size(), 12);
  EXPECT_EQ(std::set<uint64_t>(indices.begin(), indices.begin() + 5).size(), 5);
  for (size_t i = 5; i < indices.size(); ++i) EXPECT_EQ(indices[i], indices[i - 5]);
}

TEST(AssignSamples, OverlapsBetweenUidsWindowsAndSeedsOnlyByChance) {
  // 1000 of 100,000 each: 10 shared by chance, standard deviation 3.1.
  const SampleAssignment base = assign_samples(kSeed, 3, 9, 100'000, 1000);
  for (uint64_t other = 10; other < 30; ++other) {
    EXPECT_LT(shared_indices(base, assign_samples(kSeed, other, 9, 100'000, 1000)), 30);
    EXPECT_LT(shared_indices(base, assign_samples(kSeed, 3, other, 100'000, 1000)), 30);
    EXPECT_LT(shared_indices(base, assign_samples(other, 3, 9, 100'000, 1000)), 30);
  }
  EXPECT_EQ(shared_indices(base, assign_samples(kSeed, 3, 9, 100'000, 1000)), 1000);
}

TEST(UnassignedSamples, AreOthersThanTheAssignedAndDifferByValidatorAndWindow) {
  const SampleAssignment base = unassigned_samples(kSeed, as_bytes("one"), 9, 100'000, 1000);
  EXPECT_EQ(shared_indices(base, unassigned_samples(kSeed, as_bytes("one"), 9, 100'000, 1000)), 1000);
  EXPECT_LT(shared_indices(base, unassigned_samples(kSeed, as_bytes("two"), 9, 100'000, 1000)), 30);
  EXPECT_LT(shared_indices(base, unassigned_samples(kSeed, as_bytes("one"), 10, 100'000, 1000)), 30);
  // Even under a key that spells a miner's uid.
  const Bytes uid_bytes = {3, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_LT(shared_indices(assign_samples(kSeed, 3, 9, 100'000, 1000),
                           unassigned_samples(kSeed, uid_bytes, 9, 100'000, 1000)),
            30);
}

TEST(ActiveShard, ChangesEverySoManyOuterStepsAndStartsOver) {
  EXPECT_EQ(active_shard(0, 10, 3), 0);
  EXPECT_EQ(active_shard(9, 10, 3), 0);
  EXPECT_EQ(active_shard(10, 10, 3), 1);
  EXPECT_EQ(active_shard(29, 10, 3), 2);
  EXPECT_EQ(active_shard(30, 10, 3), 0);
}

TEST(ActiveShard, NeverChangesWithZeroStepsPerShard) {
  EXPECT_EQ(active_shard(12345, 0, 3), 0);
}

}  // namespace
}  // namespace templar
