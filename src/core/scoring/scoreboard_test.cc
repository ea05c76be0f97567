#include "core/scoring/scoreboard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/run_specs.h"
#include "support/scoring_evidence.h"

namespace templar::testing {
namespace {

// Two fresh players' match: the winner's and the loser's mean and both standard deviations, by hand (see
// openskill_test.cc).
constexpr double kWinnerMu = 27.256209212552754;
constexpr double kLoserMu = 22.743790787447246;
constexpr double kSigmaAfter = 8.166896460213735;
constexpr double kWinnerOrdinal = kWinnerMu - 3 * kSigmaAfter;  // 2.7555

bool has_change(const AdvanceResult& result, uint32_t uid, ScoreReason reason) {
  return std::any_of(result.changes.begin(), result.changes.end(),
                     [&](const ScoreChange& change) { return change.uid == uid && change.reason == reason; });
}

// A board on which uid 1 has earned something: several windows of winning against uid 2.
Scoreboard board_with_a_winner(const RunSpec& spec, int64_t windows) {
  Scoreboard board;
  for (int64_t window = 0; window < windows; ++window) {
    board = advance_scoreboard(board, window_of(window, {evaluated(1, 0.05, 0.03), evaluated(2, 0.01, 0.02)}),
                               spec)
                .scoreboard;
  }
  return board;
}

TEST(Scoreboard, ScoresAFirstWindowAsByHand) {
  const RunSpec spec = scoring_run_spec();
  const auto result =
      advance_scoreboard({}, window_of(0, {evaluated(1, 0.05, 0.025), evaluated(2, 0.01, 0.02)}), spec);
  EXPECT_EQ(result.scoreboard.window, 0);
  const MinerScore& winner = score_of(result, 1);
  EXPECT_NEAR(winner.gradient_score, 0.025, 1e-12);
  EXPECT_NEAR(winner.binary_average, 0.05, 1e-15);
  EXPECT_NEAR(winner.rating.mu, kWinnerMu, 1e-9);
  EXPECT_NEAR(winner.rating.sigma, kSigmaAfter, 1e-9);
  EXPECT_EQ(winner.sync_factor, 1.0);
  EXPECT_NEAR(winner.final_score, kWinnerOrdinal * 0.05, 1e-9);
  EXPECT_EQ(winner.last_evaluated_window, 0);
  const MinerScore& loser = score_of(result, 2);
  EXPECT_NEAR(loser.gradient_score, 0.02, 1e-12);
  EXPECT_NEAR(loser.binary_average, -0.05, 1e-15);
  EXPECT_NEAR(loser.rating.mu, kLoserMu, 1e-9);
  EXPECT_EQ(loser.final_score, 0);
  EXPECT_EQ(result.weights, (Weights{{1, 1.0}}));
}

TEST(Scoreboard, MovesTheBinaryAverageByAlpha) {
  RunSpec spec = scoring_run_spec();
  spec.scoring.binary_score_alpha = 0.25;
  auto first = advance_scoreboard({}, window_of(0, {evaluated(1, 0.05, 0.03)}), spec);
  EXPECT_DOUBLE_EQ(score_of(first, 1).binary_average, 0.25);
  auto second = advance_scoreboard(first.scoreboard, window_of(1, {evaluated(1, 0.01, 0.03)}), spec);
  EXPECT_DOUBLE_EQ(score_of(second, 1).binary_average, 0.75 * 0.25 - 0.25);
}

TEST(Scoreboard, TakesEqualImprovementOnOwnSamplesForAMinus) {
  const auto result = advance_scoreboard({}, window_of(0, {evaluated(1, 0.03, 0.03)}), scoring_run_spec());
  EXPECT_LT(score_of(result, 1).binary_average, 0);
}

TEST(Scoreboard, CountsALowBinaryAverageAsZeroOnceWarm) {
  // Alpha 0.05: the average is 0.05 after one win, 0.0975, 0.1426.
  const RunSpec spec = scoring_run_spec();
  const std::vector<MinerEvidence> miners = {evaluated(1, 0.05, 0.03), evaluated(2, 0.01, 0.02)};
  Evidence evidence = window_of(0, miners);
  evidence.outer_step = 9;
  const auto cold = advance_scoreboard({}, evidence, spec);
  EXPECT_GT(score_of(cold, 1).final_score, 0);
  evidence.outer_step = 10;
  auto warm = advance_scoreboard({}, evidence, spec);
  EXPECT_EQ(score_of(warm, 1).final_score, 0);
  EXPECT_NEAR(score_of(warm, 1).binary_average, 0.05, 1e-15);
  for (evidence.window = 1; evidence.window <= 2; ++evidence.window)
    warm = advance_scoreboard(warm.scoreboard, evidence, spec);
  EXPECT_NEAR(score_of(warm, 1).binary_average, 0.142625, 1e-12);
  EXPECT_GT(score_of(warm, 1).final_score, 0);
}

TEST(Scoreboard, RatesTheUnusableAsWorseThanAnyMeasuredScore) {
  const RunSpec spec = scoring_run_spec();
  using enum VerdictCode;
  for (const VerdictCode verdict : {kMissing, kTooEarly, kTooLate, kInvalid, kNoKey, kWrongKey}) {
    const auto result =
        advance_scoreboard({}, window_of(0, {evaluated(1, -0.5, -0.4), unusable(2, verdict)}), spec);
    EXPECT_NEAR(score_of(result, 1).rating.mu, kWinnerMu, 1e-9) << verdict_name(verdict);
    EXPECT_NEAR(score_of(result, 2).rating.mu, kLoserMu, 1e-9) << verdict_name(verdict);
    EXPECT_FALSE(score_of(result, 2).last_evaluated_window);
  }
}

TEST(Scoreboard, HoldsNoMatchAmongTheAbsentAlone) {
  const RunSpec spec = scoring_run_spec();
  using enum VerdictCode;
  const auto result =
      advance_scoreboard({}, window_of(0, {unusable(1, kMissing), unusable(2, kInvalid), accepted(3)}), spec);
  for (const auto& [uid, miner] : result.scoreboard.miners) EXPECT_EQ(miner.rating, Rating{}) << uid;
}

TEST(Scoreboard, LeavesTheRatingOfWhoeverWasNotEvaluated) {
  const auto result = advance_scoreboard(
      {}, window_of(0, {evaluated(1, 0.1, 0.1), evaluated(2, 0.2, 0.2), accepted(3)}), scoring_run_spec());
  EXPECT_EQ(score_of(result, 3).rating, Rating{});
  EXPECT_EQ(score_of(result, 3).sync_factor, 1.0);
  EXPECT_FALSE(has_change(result, 3, ScoreReason::kRated));
}

TEST(Scoreboard, ScalesByStepsBehindAndKnowsTheHandNumbers) {
  EXPECT_EQ(sync_factor(0), 1.0);
  EXPECT_NEAR(sync_factor(1), 0.3628873693012115, 1e-15);
  EXPECT_NEAR(sync_factor(2), 0.06415002990995841, 1e-15);
  EXPECT_EQ(sync_factor(3), 0.0);
  EXPECT_EQ(sync_factor(1000), 0.0);

  const RunSpec spec = scoring_run_spec();
  MinerEvidence late = evaluated(1, 0.05, 0.03);
  late.steps_behind = 1;
  const auto result = advance_scoreboard({}, window_of(0, {late, evaluated(2, 0.01, 0.02)}), spec);
  EXPECT_NEAR(score_of(result, 1).final_score, kWinnerOrdinal * 0.05 * sync_factor(1), 1e-9);
}

TEST(Scoreboard, TakesAnUnknownRootOrAFalseProofForThreeStepsBehind) {
  MinerEvidence unknown_root = accepted(1);
  unknown_root.steps_behind.reset();
  EXPECT_EQ(counted_steps_behind(unknown_root), 3);
  MinerEvidence false_proof = accepted(1);
  false_proof.possession_proof_fits = false;
  EXPECT_EQ(counted_steps_behind(false_proof), 3);
  EXPECT_EQ(counted_steps_behind(accepted(1)), 0);

  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 4);
  ASSERT_GT(board.miners.at(1).final_score, 0);
  const auto result = advance_scoreboard(board, window_of(4, {false_proof}), spec);
  EXPECT_EQ(score_of(result, 1).final_score, 0);
  EXPECT_TRUE(has_change(result, 1, ScoreReason::kSynchronised));
}

MinerEvidence stale(uint32_t uid, int64_t steps_behind) {
  MinerEvidence miner = evaluated(uid, 0.05, 0.04);
  miner.verdict = invalid_verdict("started from an older state");
  miner.steps_behind = steps_behind;
  miner.possession_proof_fits = false;
  return miner;
}

// It is rated by what it did, and not paid for in this window; the next one finds it as it was.
TEST(Scoreboard, RatesAContributionFromAnOlderModelWithoutPayingForIt) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 4);
  EXPECT_EQ(counted_steps_behind(stale(1, 1)), 1);
  const auto behind = advance_scoreboard(board, window_of(4, {stale(1, 1), evaluated(2, 0.01, 0.02)}), spec);
  EXPECT_GT(score_of(behind, 1).rating.mu, board.miners.at(1).rating.mu) << "its score was the better one";
  EXPECT_EQ(score_of(behind, 1).sync_factor, sync_factor(1));
  EXPECT_EQ(score_of(behind, 1).final_score, 0);
  EXPECT_GT(score_of(behind, 1).binary_average, board.miners.at(1).binary_average);
  const auto back = advance_scoreboard(
      behind.scoreboard, window_of(5, {evaluated(1, 0.05, 0.04), evaluated(2, 0.01, 0.02)}), spec);
  EXPECT_EQ(score_of(back, 1).sync_factor, 1);
  EXPECT_GT(score_of(back, 1).final_score, board.miners.at(1).final_score);
}

TEST(Scoreboard, PenalisesAContributionFromAModelThatIsTooOldMoreThanAnInvalidOne) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 4);
  MinerEvidence lost = stale(1, 3);
  lost.evaluation.reset();
  const auto result = advance_scoreboard(board, window_of(4, {lost}), spec);
  EXPECT_TRUE(has_change(result, 1, ScoreReason::kOutOfSync));
  EXPECT_EQ(score_of(result, 1).binary_average, 0.75 * board.miners.at(1).binary_average);
  EXPECT_EQ(score_of(result, 1).sync_factor, 0);
}

TEST(Scoreboard, RanksAContributionThatBlowsTheModelUpWithTheMissing) {
  const RunSpec spec = scoring_run_spec();
  MinerEvidence bomb = evaluated(2, 0, 0);
  bomb.evaluation->unassigned.after = std::numeric_limits<double>::infinity();
  const auto result = advance_scoreboard({}, window_of(0, {evaluated(1, 0.01, -5), bomb}), spec);
  EXPECT_EQ(score_of(result, 2).gradient_score, -99);
  EXPECT_NEAR(score_of(result, 2).rating.mu, kLoserMu, 1e-9);
}

TEST(Scoreboard, KeepsScoresWhereNothingCouldBeMeasured) {
  const RunSpec spec = scoring_run_spec();
  MinerEvidence unmeasured = evaluated(1, 0.1, 0.1);
  unmeasured.evaluation->own.before = std::nan("");
  const auto result = advance_scoreboard({}, window_of(0, {unmeasured, evaluated(2, 0.1, 0.1)}), spec);
  EXPECT_EQ(score_of(result, 1).rating, Rating{});
  EXPECT_EQ(score_of(result, 1).binary_average, 0);
  EXPECT_FALSE(score_of(result, 1).last_evaluated_window);
  EXPECT_TRUE(has_change(result, 1, ScoreReason::kNotMeasurable));
}

TEST(Scoreboard, StartsAUidAfreshWhenItsKeyHasChanged) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 3);
  MinerEvidence heir = accepted(1);
  heir.key = key_of(77);
  const auto result = advance_scoreboard(board, window_of(3, {heir}), spec);
  EXPECT_TRUE(has_change(result, 1, ScoreReason::kKeyChanged));
  EXPECT_EQ(score_of(result, 1).rating, Rating{});
  EXPECT_EQ(score_of(result, 1).final_score, 0);
  EXPECT_EQ(score_of(result, 1).binary_average, 0);
  EXPECT_EQ(score_of(result, 1).first_window, 3);
  EXPECT_EQ(score_of(result, 1).key, key_of(77));
  EXPECT_EQ(score_of(result, 1).gathers.size(), 1u);
}

// Nor does whoever has the uid now live on what the one before has earned while nobody asks it.
TEST(Scoreboard, StartsAUidAfreshAlsoWhereItWasOnlyLookedAt) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 3);
  Evidence evidence = window_of(3, {accepted(2)});
  evidence.activity = {{1, true, key_of(1)}, {9, true, key_of(9)}};
  const auto same = advance_scoreboard(board, evidence, spec);
  EXPECT_EQ(score_of(same, 1), board.miners.at(1));
  EXPECT_FALSE(same.scoreboard.miners.contains(9)) << "who is only looked at does not come onto the board";
  evidence.activity = {{1, true, key_of(77)}};
  const auto result = advance_scoreboard(board, evidence, spec);
  EXPECT_TRUE(has_change(result, 1, ScoreReason::kKeyChanged));
  EXPECT_EQ(score_of(result, 1).final_score, 0);
  EXPECT_EQ(score_of(result, 1).key, key_of(77));
}

TEST(Scoreboard, LeavesMinersWithoutEvidenceAsTheyAre) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 3);
  const auto result = advance_scoreboard(board, window_of(3, {accepted(2)}), spec);
  EXPECT_EQ(score_of(result, 1), board.miners.at(1));
  EXPECT_EQ(result.weights, (Weights{{1, 1.0}}));
}

TEST(Scoreboard, RemembersTheNewestWindowsOnly) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 12);
  const MinerScore& winner = board.miners.at(1);
  ASSERT_EQ(winner.gathers.size(), kRememberedWindows);
  EXPECT_EQ(winner.gathers.front(), (GatherOutcome{4, VerdictCode::kAccepted}));
  EXPECT_EQ(winner.gathers.back().window, 11);
  ASSERT_EQ(winner.measurements.size(), kRememberedWindows);
  EXPECT_EQ(winner.measurements.front().window, 4);
  EXPECT_NEAR(winner.measurements.back().gradient_score, 0.03, 1e-12);
}

TEST(Scoreboard, RemembersOnlyWhatItWasAskedForOrMeasuredIn) {
  const RunSpec spec = scoring_run_spec();
  MinerEvidence drawn = evaluated(2, 0.1, 0.1);
  drawn.gathered = false;
  MinerEvidence drawn_in_vain = unusable(3, VerdictCode::kMissing);
  drawn_in_vain.gathered = false;
  const auto result = advance_scoreboard({}, window_of(0, {accepted(1), drawn, drawn_in_vain}), spec);
  EXPECT_EQ(score_of(result, 1).gathers.size(), 1u);
  EXPECT_TRUE(score_of(result, 1).measurements.empty());
  EXPECT_TRUE(score_of(result, 2).gathers.empty());
  EXPECT_EQ(score_of(result, 2).measurements.size(), 1u);
  EXPECT_TRUE(score_of(result, 3).gathers.empty());
  EXPECT_TRUE(score_of(result, 3).measurements.empty());
}

TEST(Scoreboard, CountsTheWindowsInWhichAMinerWasNotSeen) {
  const RunSpec spec = scoring_run_spec();
  Scoreboard board = board_with_a_winner(spec, 1);
  const auto not_seen_after = [&](Evidence evidence) {
    board = advance_scoreboard(board, evidence, spec).scoreboard;
    return board.miners.at(1).windows_not_seen;
  };
  const auto activity = [](int64_t window, bool is_active) {
    return Evidence{
        .window = window, .outer_step = window, .miners = {accepted(2)}, .activity = {{1, is_active}}};
  };
  EXPECT_EQ(not_seen_after(window_of(1, {unusable(1, VerdictCode::kTooLate), accepted(2)})), 1);
  EXPECT_EQ(not_seen_after(activity(2, false)), 2);
  EXPECT_EQ(not_seen_after(window_of(3, {})), 2) << "nobody looked";
  EXPECT_EQ(not_seen_after(activity(4, true)), 0);
  EXPECT_EQ(not_seen_after(activity(5, false)), 1);
  EXPECT_EQ(not_seen_after(window_of(6, {unusable(1, VerdictCode::kMissing)})), 1) << "nobody was there";
  EXPECT_EQ(not_seen_after(window_of(7, {unusable(1, VerdictCode::kInvalid)})), 0);
}

TEST(Scoreboard, GivesPeerCandidatesTheirWeightsButNothingForBeingBurntTo) {
  RunSpec spec = scoring_run_spec();
  spec.scoring.burn_rate = 0.3;
  spec.scoring.burn_uid = 2;
  const auto result = advance_scoreboard(board_with_a_winner(spec, 3), window_of(3, {accepted(5)}), spec);
  ASSERT_EQ(result.candidates.size(), 3u);
  EXPECT_EQ(result.candidates[0].uid, 1u);
  EXPECT_NEAR(result.candidates[0].weight, 0.7, 1e-12);
  EXPECT_EQ(result.candidates[1].weight, 0);
  EXPECT_EQ(result.candidates[2].weight, 0);
  EXPECT_NEAR(result.weights.at(2), 0.3, 1e-12);
}

TEST(Scoreboard, KnowsWhatTheSamplingNeeds) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 3);
  const auto candidates = evaluation_candidates(board, std::vector<uint32_t>{9, 1});
  ASSERT_EQ(candidates.size(), 2u);
  EXPECT_EQ(candidates[0].uid, 9u);
  EXPECT_FALSE(candidates[0].last_evaluated_window);
  EXPECT_NEAR(candidates[0].ordinal, 0, 1e-12);
  EXPECT_EQ(candidates[1].last_evaluated_window, 2);
  EXPECT_EQ(candidates[1].ordinal, board.miners.at(1).rating.ordinal());
}

TEST(ScoreboardDeathTest, RefusesAWindowThatItHasSeenAndAUidTwice) {
  const RunSpec spec = scoring_run_spec();
  const Scoreboard board = board_with_a_winner(spec, 3);
  EXPECT_DEATH((void)advance_scoreboard(board, window_of(2, {}), spec), "evidence.window");
  EXPECT_DEATH((void)advance_scoreboard(board, window_of(3, {accepted(1), accepted(1)}), spec),
               "uids.insert");
  Evidence both = window_of(3, {accepted(1)});
  both.activity = {{1, true}};
  EXPECT_DEATH((void)advance_scoreboard(board, both, spec), "uids.insert");
}

}  // namespace
}  // namespace templar::testing
