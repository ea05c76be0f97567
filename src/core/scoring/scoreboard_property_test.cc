// What holds of every scoreboard, whatever the evidence.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "core/scoring/scoreboard.h"
#include "support/run_specs.h"
#include "support/scoring_evidence.h"

namespace templar::testing {
namespace {

// Evidence of all kinds about 12 miners.
Evidence random_evidence(Random& random, int64_t window) {
  Evidence evidence = window_of(window, {});
  for (uint32_t uid = 0; uid < 12; ++uid) {
    const uint64_t kind = random.below(11);
    if (kind == 0) continue;
    if (uid == 11) {
      const bool is_good = window % 8 < 3;
      evidence.miners.push_back(is_good ? evaluated(uid, 0.1, 0.05) : unusable(uid, VerdictCode::kInvalid));
      continue;
    }
    if (kind == 10) {
      evidence.activity.push_back({uid, random.below(3) > 0});
      continue;
    }
    if (kind == 1) {
      evidence.miners.push_back(unusable(uid, static_cast<VerdictCode>(1 + random.below(4))));
    } else if (kind < 4) {
      evidence.miners.push_back(accepted(uid));
    } else {
      evidence.miners.push_back(evaluated(uid, 0.2 * random.uniform(), 0.1 * random.uniform() - 0.03));
    }
    evidence.miners.back().gathered = random.below(4) > 0;
    evidence.miners.back().stored_at_ms = static_cast<int64_t>(random.below(5));
    if (random.below(8) == 0) evidence.miners.back().steps_behind = static_cast<int64_t>(random.below(5));
    if (random.below(30) == 0)
      evidence.miners.back().key = key_of(static_cast<uint8_t>(100 + random.below(50)));
  }
  for (uint32_t one = 0; one < 12; ++one) {
    for (uint32_t other = one + 1; other < 12; ++other) {
      if (random.below(40) == 0) evidence.overlaps.push_back({one, other, random.uniform()});
    }
  }
  return evidence;
}

TEST(Scoreboard, DoesNotDependOnTheOrderOfTheEvidence) {
  const RunSpec spec = scoring_run_spec();
  Random random(3);
  Scoreboard board;
  for (int64_t window = 0; window < 60; ++window) {
    Evidence evidence = random_evidence(random, window);
    const AdvanceResult straight = advance_scoreboard(board, evidence, spec);
    std::ranges::reverse(evidence.miners);
    std::ranges::reverse(evidence.activity);
    std::ranges::reverse(evidence.overlaps);
    const AdvanceResult reversed = advance_scoreboard(board, evidence, spec);
    ASSERT_EQ(straight.scoreboard, reversed.scoreboard);
    ASSERT_EQ(straight.weights, reversed.weights);
    ASSERT_EQ(straight.changes, reversed.changes);
    board = straight.scoreboard;
  }
}

template <typename Number>
void change_number(Number& number, const ScoreChange& change) {
  EXPECT_EQ(static_cast<double>(number), change.before);
  number = static_cast<Number>(change.after);
}

void apply(Scoreboard& board, const ScoreChange& change, const Scoreboard& after) {
  MinerScore& miner = board.miners[change.uid];
  if (change.reason == ScoreReason::kNewMiner || change.reason == ScoreReason::kKeyChanged) {
    const MinerScore& now = after.miners.at(change.uid);
    miner = {.uid = change.uid, .key = now.key, .first_window = now.first_window};
    return;
  }
  switch (change.field) {
    case ScoreField::kNone:
      return;
    case ScoreField::kRatingMu:
      return change_number(miner.rating.mu, change);
    case ScoreField::kRatingSigma:
      return change_number(miner.rating.sigma, change);
    case ScoreField::kBinaryAverage:
      return change_number(miner.binary_average, change);
    case ScoreField::kGradientScore:
      return change_number(miner.gradient_score, change);
    case ScoreField::kSyncFactor:
      return change_number(miner.sync_factor, change);
    case ScoreField::kFinalScore:
      return change_number(miner.final_score, change);
    case ScoreField::kExcludedBefore:
      return change_number(miner.excluded_before, change);
    case ScoreField::kAwaitsGain:
      return change_number(miner.awaits_gain, change);
  }
}

TEST(Scoreboard, ExplainsEveryChangeOfANumber) {
  const RunSpec spec = scoring_run_spec();
  Random random(4);
  Scoreboard board;
  std::set<ScoreReason> reasons;
  for (int64_t window = 0; window < 200; ++window) {
    const AdvanceResult result = advance_scoreboard(board, random_evidence(random, window), spec);
    Scoreboard replayed = board;
    for (const ScoreChange& change : result.changes) {
      reasons.insert(change.reason);
      EXPECT_NE(reason_name(change.reason), "");
      apply(replayed, change, result.scoreboard);
    }
    replayed.window = window;
    for (auto& [uid, miner] : replayed.miners) {
      miner.gathers = score_of(result, uid).gathers;
      miner.measurements = score_of(result, uid).measurements;
      miner.windows_not_seen = score_of(result, uid).windows_not_seen;
      miner.last_evaluated_window = score_of(result, uid).last_evaluated_window;
    }
    ASSERT_EQ(replayed, result.scoreboard);
    board = result.scoreboard;
  }
  using enum ScoreReason;
  for (const ScoreReason reason : {kMissing, kGatherSuccess, kInvalid, kOutOfSync, kNegativeShare,
                                   kNegativesInARow, kInactive, kIndexOverlap, kExcluded, kReturned})
    EXPECT_TRUE(reasons.contains(reason)) << reason_name(reason) << " was not tried";
}

TEST(Scoreboard, AlwaysGivesWeightsThatSumToOne) {
  RunSpec spec = scoring_run_spec();
  spec.network.gather_peer_count = 4;
  spec.network.reserve_peer_count = 3;
  spec.scoring.burn_rate = 0.1;
  Random random(5);
  Scoreboard board;
  for (int64_t window = 0; window < 100; ++window) {
    const AdvanceResult result = advance_scoreboard(board, random_evidence(random, window), spec);
    double sum = 0;
    for (const auto& [uid, weight] : result.weights) sum += weight;
    EXPECT_NEAR(sum, 1.0, 1e-12);
    for (const auto& [uid, miner] : result.scoreboard.miners) EXPECT_GE(miner.final_score, 0);
    board = result.scoreboard;
  }
}

}  // namespace
}  // namespace templar::testing
