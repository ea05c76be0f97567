#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/scoring/rules/negative_scores.h"
#include "support/rule_round.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Scores of 1 and -1: + and -.
std::vector<double> scores_of(std::string_view signs) {
  std::vector<double> scores;
  for (const char sign : signs) scores.push_back(sign == '+' ? 1 : -1);
  return scores;
}

// Miners 11, 12, ... that were measured in this window alone: others to compare with.
void add_others(RuleRound& round, std::string_view signs) {
  for (size_t i = 0; i < signs.size(); ++i)
    round.measured(11 + static_cast<uint32_t>(i), scores_of(signs.substr(i, 1)));
}

TEST(NegativeShareRule, StrikesWhoHasMoreThanHalfOfItsLastEightBelowZero) {
  RuleRound round;
  add_others(round, "+++++");
  round.measured(1, scores_of("+-+-+-+-"));
  round.measured(2, scores_of("+-+-+---"));
  round.measured(3, scores_of("-----+++"));
  round.measured(4, scores_of("-------"));
  const auto effects = round.effects_of(penalise_negative_share);
  ASSERT_EQ(effects.size(), 2u) << "half is not more than half, and seven are not eight";
  EXPECT_EQ(effects[0].uid, 2u);
  EXPECT_EQ(effects[1].uid, 3u) << "a good one at the end does not undo the others";
  EXPECT_EQ(effects[0].reason, ScoreReason::kNegativeShare);
  EXPECT_EQ(effects[0].detail, "5 of its last 8 gradient scores are below 0");
  EXPECT_EQ(effects[0].factor, 0.25);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScoreAndAverage);
}

// A bad score is paid for once, not in every window until the next measurement.
TEST(NegativeShareRule, StrikesOnlyInAWindowInWhichItMeasured) {
  RuleRound round;
  add_others(round, "+++++");
  round.measured(2, scores_of("--------"));
  for (MeasuredScore& measured : round.score(2).measurements) --measured.window;
  EXPECT_THAT(round.effects_of(penalise_negative_share), IsEmpty());
  EXPECT_THAT(round.effects_of(exclude_negatives_in_a_row), IsEmpty());
}

TEST(NegativeShareRule, TakesItsNumbersFromTheRunSpec) {
  RuleRound round;
  round.penalties.negative_share_limit = 0.25;
  round.penalties.negative_factor = 0.6;
  add_others(round, "+++++");
  round.measured(1, scores_of("--++++++"));
  round.measured(2, scores_of("---+++++"));
  EXPECT_THAT(round.struck_by(penalise_negative_share), ElementsAre(2));
  EXPECT_EQ(round.effects_of(penalise_negative_share).at(0).factor, 0.6);
}

TEST(NegativesInARowRule, ExcludesUntilAGainAfterThree) {
  RuleRound round;
  add_others(round, "+++++");
  round.measured(1, scores_of("--+--"));
  round.measured(2, scores_of("+---"));
  round.measured(3, scores_of("---"));
  round.measured(4, scores_of("---+"));
  const auto effects = round.effects_of(exclude_negatives_in_a_row);
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_EQ(effects[0].uid, 2u);
  EXPECT_EQ(effects[1].uid, 3u);
  EXPECT_EQ(effects[0].reason, ScoreReason::kNegativesInARow);
  EXPECT_TRUE(effects[0].exclude_until_gain);
  EXPECT_EQ(effects[0].exclude_windows, 0);
  EXPECT_EQ(effects[0].factor, 1);
}

TEST(NegativesInARowRule, CountsZeroAsNoLoss) {
  RuleRound round;
  add_others(round, "+++++");
  round.measured(1, {-1, -1, 0});
  EXPECT_THAT(round.effects_of(exclude_negatives_in_a_row), IsEmpty());
}

TEST(NegativesInARowRule, ExcludesNobodyTwice) {
  RuleRound round;
  add_others(round, "+++++");
  round.measured(1, scores_of("-----"));
  round.score(1).awaits_gain = true;
  EXPECT_THAT(round.effects_of(exclude_negatives_in_a_row), IsEmpty());
}

TEST(NegativesInARowRule, TakesItsLengthFromTheRunSpec) {
  RuleRound round;
  round.penalties.negatives_in_a_row = 2;
  add_others(round, "+++++");
  round.measured(1, scores_of("+--"));
  EXPECT_THAT(round.struck_by(exclude_negatives_in_a_row), ElementsAre(1));
}

bool waived(std::string_view signs) {
  RuleRound round;
  add_others(round, signs);
  return negatives_are_waived(round.view());
}

TEST(NegativeWaiver, AsksTheFifthBestWhereTenOrMoreWereMeasured) {
  EXPECT_FALSE(waived("-----+++++"));
  EXPECT_TRUE(waived("------++++"));
  EXPECT_FALSE(waived("+++++-------------------------"));
  EXPECT_TRUE(waived("++++--------------------------"));
}

TEST(NegativeWaiver, AsksTheMiddleOneOfFewer) {
  EXPECT_FALSE(waived("")) << "nobody was measured, so nobody was bad";
  EXPECT_TRUE(waived("-")) << "alone there is nobody to compare with";
  EXPECT_FALSE(waived("+"));
  EXPECT_FALSE(waived("+-"));
  EXPECT_TRUE(waived("--"));
  EXPECT_FALSE(waived("++-"));
  EXPECT_TRUE(waived("+--"));
  EXPECT_FALSE(waived("++++-")) << "one bad miner of five is punished";
  EXPECT_FALSE(waived("+++--"));
  EXPECT_TRUE(waived("++---"));
}

TEST(NegativeWaiver, SparesAllOfABadWindow) {
  RuleRound round;
  add_others(round, "----+");
  round.measured(1, scores_of("--------"));
  EXPECT_THAT(round.effects_of(penalise_negative_share), IsEmpty());
  EXPECT_THAT(round.effects_of(exclude_negatives_in_a_row), IsEmpty());
  round.penalties.negative_waiver_rank = 1;
  EXPECT_THAT(round.struck_by(penalise_negative_share), ElementsAre(1));
  EXPECT_THAT(round.struck_by(exclude_negatives_in_a_row), ElementsAre(1));
}

}  // namespace
}  // namespace templar::testing
