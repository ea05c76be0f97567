#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using enum VerdictCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What the rule does to a miner with this past of gathers.
std::vector<RuleEffect> missing_effects(const std::vector<VerdictCode>& past) {
  RuleRound round;
  round.gathered(3, past);
  return round.effects_of(penalise_missing);
}

double missing_factor_after(const std::vector<VerdictCode>& past) {
  const auto effects = missing_effects(past);
  EXPECT_EQ(effects.size(), 1u);
  return effects.empty() ? -1 : effects[0].factor;
}

TEST(MissingRule, SparesAMinerThatIsBack) {
  EXPECT_THAT(
      missing_effects({kMissing, kMissing, kMissing, kMissing, kMissing, kMissing, kMissing, kAccepted}),
      IsEmpty());
  EXPECT_THAT(missing_effects({kMissing, kInvalid}), IsEmpty()) << "what is invalid is there";
  EXPECT_THAT(missing_effects({kMissing, kWrongKey}), IsEmpty())
      << "and so is what a wrong key was given for";
  EXPECT_THAT(RuleRound().effects_of(penalise_missing), IsEmpty()) << "nobody";
}

TEST(MissingRule, GrowsWithEachContributionMissingInARow) {
  EXPECT_EQ(missing_factor_after({kMissing}), 0.75);
  EXPECT_EQ(missing_factor_after({kMissing, kAccepted, kMissing}), 0.75);
  EXPECT_EQ(missing_factor_after({kMissing, kInvalid, kMissing}), 0.75);
  EXPECT_EQ(missing_factor_after({kNoKey}), 0.75) << "what nobody can open";
  EXPECT_EQ(missing_factor_after({kMissing, kMissing}), 0.5);
  EXPECT_EQ(missing_factor_after({kMissing, kNoKey}), 0.5);
  EXPECT_EQ(missing_factor_after({kAccepted, kTooLate, kTooEarly}), 0.5);
  EXPECT_EQ(missing_factor_after({kMissing, kMissing, kMissing}), 0.0);
  EXPECT_EQ(missing_factor_after(std::vector<VerdictCode>(7, kMissing)), 0.0);
}

TEST(MissingRule, LowersTheAverageTooAndSaysWhatWasMissing) {
  const auto effects = missing_effects({kAccepted, kTooLate});
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].uid, 3u);
  EXPECT_EQ(effects[0].reason, ScoreReason::kMissing);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScoreAndAverage);
  EXPECT_EQ(effects[0].detail, "too_late, 1 in a row, 1 of the last 2: because");
}

TEST(MissingRule, ResetsAndExcludesWhoIsMissingInHalfOfItsLastEight) {
  for (const auto& past : {std::vector<VerdictCode>{kAccepted, kMissing, kAccepted, kMissing, kAccepted,
                                                    kMissing, kAccepted, kMissing},
                           std::vector<VerdictCode>(8, kTooLate)}) {
    const auto effects = missing_effects(past);
    ASSERT_EQ(effects.size(), 1u);
    EXPECT_TRUE(effects[0].resets);
    EXPECT_EQ(effects[0].exclude_windows, 20);
  }
}

TEST(MissingRule, ResetsNobodyBelowHalfOrBeforeThereAreEight) {
  for (const auto& past : {std::vector<VerdictCode>{kAccepted, kMissing, kAccepted, kMissing, kAccepted,
                                                    kAccepted, kAccepted, kMissing},
                           std::vector<VerdictCode>(7, kMissing)}) {
    const auto effects = missing_effects(past);
    ASSERT_EQ(effects.size(), 1u);
    EXPECT_FALSE(effects[0].resets);
    EXPECT_EQ(effects[0].exclude_windows, 0);
  }
}

TEST(MissingRule, BlamesNobodyWhereTheGatherTookNothing) {
  RuleRound round;
  for (const uint32_t uid : {1u, 2u}) round.gathered(uid, std::vector<VerdictCode>(8, kMissing));
  EXPECT_EQ(round.effects_of(penalise_missing).size(), 2u);
  round.gathered(RuleRound::kBystander, {kTooLate});
  EXPECT_THAT(round.effects_of(penalise_missing), IsEmpty());
  round.gathered(9, {kAccepted}).gathered = false;
  EXPECT_THAT(round.effects_of(penalise_missing), IsEmpty()) << "9 was drawn, not gathered";
}

TEST(MissingRule, AsksOnlyThoseThatWereGathered) {
  RuleRound round;
  round.gathered(3, {kMissing});
  round.gathered(4, {kMissing}).gathered = false;
  round.gathered(5, {kMissing});
  EXPECT_EQ(round.struck_by(penalise_missing), (std::vector<uint32_t>{3, 5}));
}

TEST(MissingRule, TakesItsNumbersFromTheRunSpec) {
  RuleRound round;
  round.penalties = {.exclusion_windows = 7,
                     .missing_factor = 0.9,
                     .second_missing_factor = 0.8,
                     .later_missing_factor = 0.7,
                     .missing_share_limit = 0.25};
  round.gathered(1, {kMissing});
  round.gathered(2, {kMissing, kMissing});
  round.gathered(3, {kMissing, kMissing, kMissing});
  round.gathered(4, {kAccepted, kAccepted, kAccepted, kAccepted, kMissing, kAccepted, kAccepted, kMissing});
  const auto effects = round.effects_of(penalise_missing);
  ASSERT_EQ(effects.size(), 4u);
  EXPECT_EQ(effects[0].factor, 0.9);
  EXPECT_EQ(effects[1].factor, 0.8);
  EXPECT_EQ(effects[2].factor, 0.7);
  EXPECT_TRUE(effects[3].resets);
  EXPECT_EQ(effects[3].exclude_windows, 7);
}

}  // namespace
}  // namespace templar::testing
