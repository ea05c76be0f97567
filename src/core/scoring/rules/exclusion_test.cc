#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ExclusionRule, WithholdsTheScoreAsLongAsTheExclusionLasts) {
  RuleRound round(100);
  round.score(1).excluded_before = 100;
  round.score(2).excluded_before = 101;
  round.score(3).awaits_gain = true;
  (void)round.score(4);
  EXPECT_THAT(round.struck_by(withhold_from_excluded), ElementsAre(2, 3))
      << "without evidence of any of them";
  const auto effects = round.effects_of(withhold_from_excluded);
  EXPECT_EQ(effects[0].factor, 0);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScore) << "its average goes on";
  EXPECT_EQ(effects[0].detail, "excluded before window 101");
  EXPECT_EQ(effects[1].detail, "excluded until a gradient score that is not below 0");
  EXPECT_THAT(RuleRound().effects_of(withhold_from_excluded), IsEmpty()) << "nobody";
}

}  // namespace
}  // namespace templar::testing
