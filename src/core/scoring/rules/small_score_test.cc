#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

TEST(SmallScoreRule, DropsWhatIsBelowTheLeast) {
  RuleRound round;
  round.score(1).final_score = 0.99e-4;
  round.score(2).final_score = 1e-4;
  round.score(3).final_score = 0;
  EXPECT_THAT(round.struck_by(drop_small_scores), ElementsAre(1));
  EXPECT_EQ(round.effects_of(drop_small_scores).at(0).factor, 0);
  round.penalties.least_final_score = 0;
  EXPECT_TRUE(round.effects_of(drop_small_scores).empty());
}

}  // namespace
}  // namespace templar::testing
