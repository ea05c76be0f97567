#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using enum VerdictCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(InactivityRule, TakesAQuarterOfWhoHadNothingInTime) {
  RuleRound round;
  for (const uint32_t uid : {1u, 2u}) (void)round.score(uid);
  round.score(1).windows_not_seen = 2;
  round.evidence.activity = {{1, false}, {2, true}};
  const auto effects = round.effects_of(penalise_inactivity);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].uid, 1u);
  EXPECT_EQ(effects[0].reason, ScoreReason::kInactive);
  EXPECT_EQ(effects[0].detail, "nothing in time, 2 windows in a row");
  EXPECT_EQ(effects[0].factor, 0.75);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScore);
  EXPECT_FALSE(effects[0].resets);
}

TEST(InactivityRule, ResetsAfterThreeWindows) {
  RuleRound round;
  round.score(1).windows_not_seen = 3;
  round.score(2).windows_not_seen = 4;
  round.evidence.activity = {{1, false}, {2, false}};
  const auto effects = round.effects_of(penalise_inactivity);
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_FALSE(effects[0].resets);
  EXPECT_TRUE(effects[1].resets);
}

TEST(InactivityRule, SpeaksOfDrawnMinersButNotOfGatheredOnes) {
  RuleRound round;
  round.gathered(1, {kMissing});
  round.gathered(2, {kMissing}).gathered = false;
  round.gathered(3, {kTooLate}).gathered = false;
  round.gathered(4, {kInvalid}).gathered = false;
  round.gathered(5, {kAccepted}).gathered = false;
  EXPECT_THAT(round.struck_by(penalise_inactivity), ElementsAre(2, 3));
}

TEST(InactivityRule, BlamesNobodyWhereTheGatherTookNothing) {
  RuleRound round;
  (void)round.score(1);
  round.evidence.activity = {{1, false}};
  EXPECT_THAT(round.struck_by(penalise_inactivity), ElementsAre(1));
  round.gathered(RuleRound::kBystander, {kMissing});
  EXPECT_THAT(round.effects_of(penalise_inactivity), IsEmpty());
}

TEST(InactivityRule, LeavesOutWhoIsNotOnTheScoreboard) {
  RuleRound round;
  round.evidence.activity = {{9, false}};
  EXPECT_THAT(round.effects_of(penalise_inactivity), IsEmpty());
  EXPECT_THAT(RuleRound().effects_of(penalise_inactivity), IsEmpty()) << "nobody";
}

TEST(InactivityRule, TakesItsNumbersFromTheRunSpec) {
  RuleRound round;
  round.penalties.inactivity_factor = 0.9;
  round.penalties.inactivity_reset_windows = 0;
  round.score(1).windows_not_seen = 1;
  round.evidence.activity = {{1, false}};
  const auto effects = round.effects_of(penalise_inactivity);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].factor, 0.9);
  EXPECT_TRUE(effects[0].resets);
}

}  // namespace
}  // namespace templar::testing
