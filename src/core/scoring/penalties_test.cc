#include "core/scoring/penalties.h"

#include <gtest/gtest.h>

#include "support/run_specs.h"

namespace templar {
namespace {

using enum VerdictCode;

MinerEvidence evidence_of(VerdictCode verdict) {
  return {
      .uid = 3, .verdict = {verdict, "stored 80 s after"}, .steps_behind = 0, .possession_proof_fits = true};
}

MinerScore miner_with(std::vector<VerdictCode> history) {
  MinerScore miner = {.uid = 3};
  for (size_t i = 0; i < history.size(); ++i)
    miner.history.push_back({static_cast<int64_t>(i), history[i], std::nullopt});
  return miner;
}

std::vector<PenaltyEffect> effects_of(const MinerEvidence& evidence, const MinerScore& miner,
                                      const RunSpec& spec) {
  std::vector<PenaltyEffect> effects;
  for (const Penalty penalty : penalties()) {
    if (auto effect = penalty(evidence, miner, spec)) effects.push_back(*effect);
  }
  return effects;
}

TEST(Penalties, SpareAMinerThatDidItsPart) {
  const RunSpec spec = testing::scoring_run_spec();
  EXPECT_TRUE(effects_of(evidence_of(kAccepted), miner_with({kMissing, kMissing, kAccepted}), spec).empty());
}

TEST(Penalties, GrowWithEachMissingContributionInARow) {
  const RunSpec spec = testing::scoring_run_spec();
  const auto factor_after = [&](std::vector<VerdictCode> history) {
    const auto effects = effects_of(evidence_of(history.back()), miner_with(history), spec);
    EXPECT_EQ(effects.size(), 1u);
    EXPECT_EQ(effects[0].reason, ScoreReason::kMissing);
    return effects[0].factor;
  };
  EXPECT_EQ(factor_after({kMissing}), 0.75);
  EXPECT_EQ(factor_after({kMissing, kAccepted, kMissing}), 0.75);
  EXPECT_EQ(factor_after({kMissing, kMissing}), 0.5);
  EXPECT_EQ(factor_after({kAccepted, kTooLate, kTooEarly}), 0.5);
  EXPECT_EQ(factor_after({kMissing, kMissing, kMissing}), 0.0);
  EXPECT_EQ(factor_after(std::vector<VerdictCode>(8, kMissing)), 0.0);
}

TEST(Penalties, TakeAllFromAnInvalidContributionAndSayWhy) {
  const auto effects = effects_of(evidence_of(kInvalid), miner_with({kInvalid}), testing::scoring_run_spec());
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].factor, 0.0);
  EXPECT_EQ(effects[0].reason, ScoreReason::kInvalid);
  EXPECT_EQ(effects[0].detail, "stored 80 s after");
}

TEST(Penalties, StrikeWhoeverIsMoreStepsBehindThanTheSpecAllows) {
  RunSpec spec = testing::scoring_run_spec();
  MinerEvidence evidence = evidence_of(kAccepted);
  evidence.steps_behind = 2;
  EXPECT_TRUE(effects_of(evidence, miner_with({kAccepted}), spec).empty());
  spec.scoring.sync_max_steps_behind = 1;
  const auto effects = effects_of(evidence, miner_with({kAccepted}), spec);
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].factor, 0.75);
  EXPECT_EQ(effects[0].reason, ScoreReason::kOutOfSync);
}

// From a board on which the miner has 4 wins: what a missing window leaves is three quarters of the formula's
// score.
TEST(Penalties, MultiplyTheFormulasScore) {
  const RunSpec spec = testing::scoring_run_spec();
  Scoreboard board{.window = 3};
  board.miners[3] = {
      .uid = 3, .rating = {40, 5}, .binary_average = 0.5, .sync_factor = 1, .final_score = 12.5};
  const MinerEvidence alone = evidence_of(kMissing);  // alone there is no match, the rating stays
  const auto result = advance_scoreboard(board, {.window = 4, .outer_step = 40, .miners = {alone}}, spec);
  EXPECT_DOUBLE_EQ(result.scoreboard.miners.at(3).final_score, 25 * 0.5 * 0.75);
  ASSERT_EQ(result.changes.size(), 1u);
  EXPECT_EQ(result.changes[0].reason, ScoreReason::kMissing);
  EXPECT_EQ(result.changes[0].detail, "missing, 1 in a row: stored 80 s after");
}

}  // namespace
}  // namespace templar
