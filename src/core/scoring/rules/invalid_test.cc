#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using enum VerdictCode;
using ::testing::IsEmpty;

TEST(InvalidRule, TakesAllFromAnInvalidContributionAndSaysWhy) {
  RuleRound round;
  round.gathered(3, {kInvalid});
  round.gathered(4, {kInvalid}).gathered = false;
  round.gathered(5, {kWrongKey});
  const auto effects = round.effects_of(penalise_invalid);
  ASSERT_EQ(effects.size(), 3u) << "drawn or gathered makes no difference; a wrong key is as bad";
  EXPECT_EQ(effects[0].uid, 3u);
  EXPECT_EQ(effects[0].reason, ScoreReason::kInvalid);
  EXPECT_EQ(effects[0].detail, "because");
  EXPECT_EQ(effects[0].factor, 0.0);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScore);
}

TEST(InvalidRule, StrikesNobodyElse) {
  RuleRound round;
  round.gathered(1, {kInvalid, kAccepted});
  round.gathered(2, {kMissing});
  round.gathered(3, {kTooLate});
  round.gathered(4, {kTooEarly});
  round.gathered(5, {kNoKey});
  EXPECT_THAT(round.effects_of(penalise_invalid), IsEmpty());
}

TEST(InvalidRule, TakesItsFactorFromTheRunSpec) {
  RuleRound round;
  round.penalties.invalid_factor = 0.5;
  round.gathered(3, {kInvalid});
  EXPECT_EQ(round.effects_of(penalise_invalid).at(0).factor, 0.5);
}

}  // namespace
}  // namespace templar::testing
