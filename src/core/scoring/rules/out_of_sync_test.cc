#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/rule_round.h"

namespace templar::testing {
namespace {

using enum VerdictCode;
using ::testing::ElementsAre;

TEST(OutOfSyncRule, StrikesWhoeverIsMoreStepsBehindThanTheSpecAllows) {
  RuleRound round;
  round.of(1).steps_behind = 2;
  round.of(2).steps_behind = 3;
  round.of(3).steps_behind.reset();
  round.of(4).possession_proof_fits = false;
  for (const uint32_t uid : {1u, 2u, 3u, 4u}) (void)round.score(uid);
  EXPECT_THAT(round.struck_by(penalise_out_of_sync), ElementsAre(2, 3, 4));
  round.spec.scoring.sync_max_steps_behind = 1;
  EXPECT_THAT(round.struck_by(penalise_out_of_sync), ElementsAre(1, 2, 3, 4));
}

TEST(OutOfSyncRule, LowersTheAverageTooAndSaysHowFar) {
  RuleRound round;
  round.penalties.out_of_sync_factor = 0.6;
  round.of(2).steps_behind = 5;
  (void)round.score(2);
  const auto effects = round.effects_of(penalise_out_of_sync);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].reason, ScoreReason::kOutOfSync);
  EXPECT_EQ(effects[0].detail, "5 outer steps behind, 2 are allowed");
  EXPECT_EQ(effects[0].factor, 0.6);
  EXPECT_EQ(effects[0].multiplies, Multiplies::kFinalScoreAndAverage);
}

TEST(OutOfSyncRule, DoesNotSpeakOfWhatIsOfNoUse) {
  RuleRound round;
  round.gathered(1, {kMissing}).steps_behind.reset();
  round.gathered(2, {kInvalid}).possession_proof_fits = false;
  EXPECT_TRUE(round.effects_of(penalise_out_of_sync).empty());
}

}  // namespace
}  // namespace templar::testing
