#include "core/scoring/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "support/run_specs.h"

namespace templar {
namespace {

constexpr uint64_t kSeed = 7;

ScoringSpec scoring_of(int64_t uids_per_window, int64_t bins) {
  ScoringSpec scoring = testing::scoring_run_spec().scoring;
  scoring.uids_per_window = uids_per_window;
  scoring.num_evaluation_bins = bins;
  return scoring;
}

std::vector<EvaluationCandidate> miners(uint32_t count) {
  std::vector<EvaluationCandidate> candidates;
  for (uint32_t uid = 0; uid < count; ++uid)
    candidates.push_back({.uid = uid, .ordinal = static_cast<double>(uid)});
  return candidates;
}

TEST(Sampling, TakesAllWhereThereAreNoMoreThanWanted) {
  EXPECT_EQ(choose_evaluated_uids(miners(3), scoring_of(3, 1), kSeed, 5), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_EQ(choose_evaluated_uids(miners(3), scoring_of(20, 5), kSeed, 5), (std::vector<uint32_t>{0, 1, 2}));
  EXPECT_TRUE(choose_evaluated_uids({}, scoring_of(20, 5), kSeed, 5).empty());
}

TEST(Sampling, DrawsTheWantedNumberWithoutRepetition) {
  for (int64_t window = 0; window < 50; ++window) {
    const auto chosen = choose_evaluated_uids(miners(30), scoring_of(7, 5), kSeed, window);
    EXPECT_EQ(chosen.size(), 7u);
    EXPECT_EQ(std::set<uint32_t>(chosen.begin(), chosen.end()).size(), 7u);
    EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  }
}

TEST(Sampling, FollowsFromSeedAndWindowAlone) {
  auto candidates = miners(30);
  const auto chosen = choose_evaluated_uids(candidates, scoring_of(4, 5), kSeed, 9);
  std::reverse(candidates.begin(), candidates.end());
  EXPECT_EQ(choose_evaluated_uids(candidates, scoring_of(4, 5), kSeed, 9), chosen);
  EXPECT_NE(choose_evaluated_uids(candidates, scoring_of(4, 5), kSeed, 10), chosen);
  EXPECT_NE(choose_evaluated_uids(candidates, scoring_of(4, 5), kSeed + 1, 9), chosen);
}

// 11 miners, 5 bins of at least 2: ranked best first the bins are {10 9 8} {7 6} {5 4} {3 2} {1 0}.
TEST(Sampling, StaysWithinOneBinOfEqualRating) {
  const std::set<std::set<uint32_t>> bins = {{10, 9, 8}, {7, 6}, {5, 4}, {3, 2}, {1, 0}};
  std::map<size_t, int> times_drawn;
  for (int64_t window = 0; window < 200; ++window) {
    const auto chosen = choose_evaluated_uids(miners(11), scoring_of(2, 5), kSeed, window);
    ASSERT_EQ(chosen.size(), 2u);
    size_t index = 0;
    for (const auto& bin : bins) {
      if (bin.contains(chosen[0])) break;
      ++index;
    }
    ASSERT_LT(index, bins.size());
    EXPECT_TRUE(std::next(bins.begin(), static_cast<ptrdiff_t>(index))->contains(chosen[1]));
    ++times_drawn[index];
  }
  EXPECT_EQ(times_drawn.size(), bins.size());
}

TEST(Sampling, DrawsFromAllWhereTheBinsWouldNotBeFull) {
  std::set<std::pair<uint32_t, uint32_t>> pairs;
  for (int64_t window = 0; window < 200; ++window) {
    const auto chosen = choose_evaluated_uids(miners(9), scoring_of(2, 5), kSeed, window);
    pairs.insert({chosen[0], chosen[1]});
  }
  EXPECT_TRUE(pairs.contains({0, 8}));
}

// One has waited 90 windows, nine have waited 1: by weight it comes about 91 % of the time, evenly it would
// 10 %.
TEST(Sampling, DrawsAlsoAmongThoseThatHaveNotWaitedAtAll) {
  auto candidates = miners(30);
  for (EvaluationCandidate& candidate : candidates) candidate.last_evaluated_window = 50;
  std::set<uint32_t> drawn;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto chosen = choose_evaluated_uids(candidates, scoring_of(7, 100), seed, 50);
    EXPECT_EQ(chosen.size(), 7u);
    drawn.insert(chosen.begin(), chosen.end());
  }
  EXPECT_EQ(drawn.size(), 30u) << "a weight of 0 would never be drawn";
}

TEST(Sampling, PrefersWhoeverHasWaitedLongest) {
  auto candidates = miners(10);
  for (auto& candidate : candidates) candidate.last_evaluated_window = 99;
  candidates[4].last_evaluated_window = 10;
  int chosen_times = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    chosen_times += choose_evaluated_uids(candidates, scoring_of(1, 11), seed, 100).front() == 4 ? 1 : 0;
  }
  EXPECT_GT(chosen_times, 870);
  EXPECT_LT(chosen_times, 940);
}

// One was never evaluated, one has waited 50 windows, eight 1: the first two weigh the same, 50 of 108 each.
TEST(Sampling, WeighsTheNeverEvaluatedAsTheLongestWaiting) {
  auto candidates = miners(10);
  for (auto& candidate : candidates) candidate.last_evaluated_window = 99;
  candidates[2].last_evaluated_window = 50;
  candidates[3].last_evaluated_window.reset();
  std::map<uint32_t, int> times;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    ++times[choose_evaluated_uids(candidates, scoring_of(1, 11), seed, 100).front()];
  }
  EXPECT_NEAR(times[2], 926, 90);
  EXPECT_NEAR(times[3], 926, 90);
}

}  // namespace
}  // namespace templar
