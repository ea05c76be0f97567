#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Miners 1, 2, 3, ..., each stored a second after the one before.
RuleRound round_of(uint32_t miners, std::vector<IndexOverlap> overlaps) {
  RuleRound round;
  for (uint32_t uid = 1; uid <= miners; ++uid) round.stored(uid, 1000 * uid);
  round.evidence.overlaps = std::move(overlaps);
  return round;
}

TEST(IndexOverlapRule, StrikesTheLaterOfTwo) {
  const auto effects = round_of(2, {{2, 1, 0.45}}).effects_of(penalise_index_overlap);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].uid, 2u);
  EXPECT_EQ(effects[0].reason, ScoreReason::kIndexOverlap);
  EXPECT_EQ(effects[0].detail, "keeps 45.0 % of the coefficients of uid 1, and was stored later");
  EXPECT_EQ(effects[0].factor, 0.5);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScoreAndAverage);
  EXPECT_FALSE(effects[0].resets);
  EXPECT_EQ(effects[0].exclude_windows, 0);
}

TEST(IndexOverlapRule, GrowsWithTheOverlap) {
  const auto struck = [](double share) {
    return round_of(2, {{1, 2, share}}).effects_of(penalise_index_overlap);
  };
  EXPECT_THAT(struck(0.0), IsEmpty());
  EXPECT_THAT(struck(0.3999), IsEmpty());
  EXPECT_FALSE(struck(0.4).at(0).resets);
  EXPECT_FALSE(struck(0.4999).at(0).resets);
  EXPECT_TRUE(struck(0.5).at(0).resets);
  EXPECT_EQ(struck(0.5999).at(0).exclude_windows, 0);
  EXPECT_EQ(struck(0.6).at(0).exclude_windows, 20);
  EXPECT_TRUE(struck(1.0).at(0).resets);
}

// The copier's samples gain no more by what it copied than any others; the victim's do.
TEST(IndexOverlapRule, AsksAtEqualTimesWhoseSamplesItHelps) {
  RuleRound round = round_of(2, {{1, 2, 1.0}});
  round.stored(2, 1000);
  const auto measured = [&](uint32_t uid, double own_after, double average) {
    round.of(uid).evaluation = Evaluation{.own = {4, own_after}, .unassigned = {4, 3.6}};
    round.score(uid).binary_average = average;
  };
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty()) << "nobody was measured";
  measured(1, 3.2, 0.8);
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty()) << "one was measured";
  measured(2, 3.6, 0.1);
  const auto effects = round.effects_of(penalise_index_overlap);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].uid, 2u);
  EXPECT_EQ(effects[0].exclude_windows, 20);
  EXPECT_EQ(effects[0].detail,
            "keeps 100.0 % of the coefficients of uid 1, and was stored at the same time, without being of "
            "more use on its own samples");
  measured(1, 3.7, 0.8);
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty()) << "this window says otherwise";
  measured(1, 3.2, 0.1);
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty()) << "the windows before say nothing";
  measured(1, 3.2, -0.2);
  measured(2, 3.6, 0.9);
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty()) << "a newcomer that is copied";
  measured(1, 3.6, 0.1);
  measured(2, 3.2, 0.8);
  EXPECT_THAT(round.struck_by(penalise_index_overlap), ElementsAre(1));
}

TEST(IndexOverlapRule, StrikesNobodyWhereATimeIsNotKnown) {
  RuleRound round = round_of(3, {{1, 2, 1.0}, {2, 3, 1.0}});
  round.stored(2, std::nullopt);
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty());
  round.evidence.overlaps.push_back({1, 9, 1.0});
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty()) << "9 is not in the evidence";
}

// 1 is copied by 2 and 3, and 3 copies 2 more than 1; 4 has copied nobody.
TEST(IndexOverlapRule, StrikesEachOffenderOnceForItsWorst) {
  const std::vector<IndexOverlap> pairs = {{1, 2, 0.7}, {1, 3, 0.45}, {2, 3, 0.55}, {3, 4, 0.1}};
  RuleRound round = round_of(4, pairs);
  const auto check = [&] {
    const auto effects = round.effects_of(penalise_index_overlap);
    ASSERT_EQ(effects.size(), 2u);
    EXPECT_EQ(effects[0].uid, 2u);
    EXPECT_EQ(effects[0].exclude_windows, 20);
    EXPECT_EQ(effects[1].uid, 3u);
    EXPECT_TRUE(effects[1].resets);
    EXPECT_EQ(effects[1].exclude_windows, 0);
    EXPECT_EQ(effects[1].detail, "keeps 55.0 % of the coefficients of uid 2, and was stored later");
  };
  check();
  std::ranges::reverse(round.evidence.overlaps);
  check();
}

TEST(IndexOverlapRule, NamesTheLowestUidOfEquallyBadPairsInAnyOrder) {
  RuleRound round = round_of(3, {{2, 3, 1.0}, {1, 3, 1.0}});
  EXPECT_EQ(round.effects_of(penalise_index_overlap).at(0).detail.find("uid 1") != std::string::npos, true);
  std::ranges::reverse(round.evidence.overlaps);
  EXPECT_EQ(round.effects_of(penalise_index_overlap).at(0).detail.find("uid 1") != std::string::npos, true);
}

TEST(IndexOverlapRule, WaitsUntilTheMinersSayDifferentThings) {
  RuleRound round = round_of(2, {{1, 2, 1.0}});
  round.evidence.outer_step = 19;
  EXPECT_THAT(round.effects_of(penalise_index_overlap), IsEmpty());
  round.evidence.outer_step = 20;
  EXPECT_THAT(round.struck_by(penalise_index_overlap), ElementsAre(2));
}

TEST(IndexOverlapRule, HasNothingToSayOfFewerThanTwo) {
  EXPECT_THAT(round_of(1, {}).effects_of(penalise_index_overlap), IsEmpty());
  EXPECT_THAT(round_of(0, {}).effects_of(penalise_index_overlap), IsEmpty());
}

TEST(IndexOverlapRule, TakesItsNumbersFromTheRunSpec) {
  RuleRound round = round_of(4, {{1, 2, 0.2}, {1, 3, 0.3}, {1, 4, 0.4}});
  round.penalties.overlap_limit = 0.2;
  round.penalties.overlap_factor = 0.9;
  round.penalties.overlap_reset_limit = 0.3;
  round.penalties.overlap_exclusion_limit = 0.4;
  round.penalties.exclusion_windows = 5;
  const auto effects = round.effects_of(penalise_index_overlap);
  ASSERT_EQ(effects.size(), 3u);
  EXPECT_EQ(effects[0].factor, 0.9);
  EXPECT_TRUE(effects[1].resets);
  EXPECT_EQ(effects[2].exclude_windows, 5);
}

}  // namespace
}  // namespace templar::testing
