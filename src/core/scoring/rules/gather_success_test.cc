#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using enum VerdictCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// That many accepted, then invalid ones.
std::vector<VerdictCode> gathers_with(size_t accepted, size_t all) {
  std::vector<VerdictCode> verdicts(all, kInvalid);
  std::fill_n(verdicts.begin(), accepted, kAccepted);
  return verdicts;
}

TEST(GatherSuccessRule, TakesAllFromWhoCountsTooSeldom) {
  RuleRound round;
  round.gathered(1, gathers_with(3, 8));
  round.gathered(2, gathers_with(0, 8));
  round.gathered(3, {kMissing, kInvalid, kMissing, kInvalid, kTooLate, kInvalid, kAccepted, kAccepted});
  const auto effects = round.effects_of(penalise_low_gather_success);
  ASSERT_EQ(effects.size(), 3u);
  EXPECT_EQ(effects[0].reason, ScoreReason::kGatherSuccess);
  EXPECT_EQ(effects[0].detail, "accepted in 3 of its last 8 gathers");
  EXPECT_EQ(effects[0].factor, 0);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScoreAndAverage);
  EXPECT_EQ(effects[2].uid, 3u) << "also in a window in which it is accepted";
}

TEST(GatherSuccessRule, SparesWhoReachesTheLimitAndNewcomers) {
  RuleRound round;
  round.gathered(1, gathers_with(4, 8));
  round.gathered(2, gathers_with(0, 7));
  EXPECT_THAT(round.effects_of(penalise_low_gather_success), IsEmpty());
  EXPECT_THAT(RuleRound().effects_of(penalise_low_gather_success), IsEmpty()) << "nobody";
}

TEST(GatherSuccessRule, HoldsExactlyTheLimitForEnough) {
  RuleRound round;
  round.penalties.gather_success_limit = 0.5;
  round.gathered(1, gathers_with(4, 8));
  round.gathered(2, gathers_with(3, 8));
  round.gathered(3, gathers_with(0, 8)).gathered = false;
  EXPECT_THAT(round.struck_by(penalise_low_gather_success), ElementsAre(2))
      << "3 was not asked in this window";
}

}  // namespace
}  // namespace templar::testing
