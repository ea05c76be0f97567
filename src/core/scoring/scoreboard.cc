#include "core/scoring/scoreboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "core/scoring/penalties.h"

namespace templar {
namespace {

constexpr int64_t kLostSteps = 3;  // from here on a miner counts as having lost the model

using ChangeLog = std::map<uint32_t, std::vector<ScoreChange>>;

// The scoring of one window: every step below reads it and writes scoreboard and log, nothing else.
struct ScoringRound {
  const Evidence& evidence;
  const RunSpec& spec;
  std::vector<const MinerEvidence*>
      miners;  // ascending by uid, so that the order of the evidence can't matter
  Scoreboard scoreboard;
  ChangeLog log;

  MinerScore& score(uint32_t uid) { return scoreboard.miners.at(uid); }

  void note(uint32_t uid, ScoreReason reason, std::string detail) {
    log[uid].push_back({uid, reason, ScoreField::kNone, 0, 0, std::move(detail)});
  }
  // The only way in which a number changes.
  void set(uint32_t uid, ScoreField field, double& number, double value, ScoreReason reason,
           std::string detail = {}) {
    if (number == value) return;
    log[uid].push_back({uid, reason, field, number, value, std::move(detail)});
    number = value;
  }
};

void admit_miner(ScoringRound& round, const MinerEvidence& miner) {
  const auto known = round.scoreboard.miners.find(miner.uid);
  const bool is_known = known != round.scoreboard.miners.end();
  if (is_known && known->second.key == miner.key) return;
  if (is_known) {
    round.note(miner.uid, ScoreReason::kKeyChanged,
               fmt::format("key {} -> {}", known->second.key.hex(), miner.key.hex()));
  } else {
    round.note(miner.uid, ScoreReason::kNewMiner, fmt::format("key {}", miner.key.hex()));
  }
  round.scoreboard.miners[miner.uid] =
      MinerScore{.uid = miner.uid, .key = miner.key, .first_window = round.evidence.window};
}

// The measured gradient score; minus infinity and what is worse than missing count as missing.
std::optional<double> measure(const MinerEvidence& miner, const ScoringSpec& scoring) {
  if (!miner.verdict.accepted() || !miner.evaluation) return std::nullopt;
  const std::optional<double> improvement = miner.evaluation->unassigned.relative_improvement();
  if (!improvement || !miner.evaluation->own.relative_improvement()) return std::nullopt;
  return std::isfinite(*improvement) ? *improvement : scoring.missing_contribution_score;
}

void record_measurement(ScoringRound& round, const MinerEvidence& miner) {
  MinerScore& score = round.score(miner.uid);
  const ScoringSpec& scoring = round.spec.scoring;
  const std::optional<double> gradient_score = measure(miner, scoring);
  score.history.push_back({round.evidence.window, miner.verdict.code, gradient_score});
  if (score.history.size() > kHistoryWindows) score.history.erase(score.history.begin());
  if (!gradient_score) {
    if (miner.verdict.accepted() && miner.evaluation) {
      round.note(miner.uid, ScoreReason::kNotMeasurable,
                 fmt::format("loss before: own {}, unassigned {}", miner.evaluation->own.before,
                             miner.evaluation->unassigned.before));
    }
    return;
  }
  const double own = *miner.evaluation->own.relative_improvement();
  const double unassigned = *miner.evaluation->unassigned.relative_improvement();
  const double indicator = own > unassigned ? 1.0 : -1.0;
  const double alpha = scoring.binary_score_alpha;
  const std::string detail =
      fmt::format("relative improvement: own {:.6g}, unassigned {:.6g}", own, unassigned);
  round.set(miner.uid, ScoreField::kGradientScore, score.gradient_score, *gradient_score,
            ScoreReason::kEvaluated, detail);
  round.set(miner.uid, ScoreField::kBinaryAverage, score.binary_average,
            (1.0 - alpha) * score.binary_average + alpha * indicator, ScoreReason::kEvaluated, detail);
  score.last_evaluated_window = round.evidence.window;
}

// All measured miners, and all whose contribution can't be used, play one match. Where nobody was measured
// there is none: a tie of the absent would only make their ratings more certain, and so their ordinals
// higher.
void rate_miners(ScoringRound& round) {
  std::vector<uint32_t> uids;
  std::vector<Rating> ratings;
  std::vector<double> scores;
  bool has_measured = false;
  for (const MinerEvidence* miner : round.miners) {
    const WindowOutcome& outcome = round.score(miner->uid).history.back();
    const bool is_usable = miner->verdict.accepted();
    if (is_usable && !outcome.gradient_score) continue;
    has_measured = has_measured || is_usable;
    uids.push_back(miner->uid);
    ratings.push_back(round.score(miner->uid).rating);
    scores.push_back(is_usable ? *outcome.gradient_score : round.spec.scoring.missing_contribution_score);
  }
  if (!has_measured) return;
  const std::vector<Rating> rated = rate_match(
      ratings, scores, {.beta = round.spec.scoring.openskill_beta, .tau = round.spec.scoring.openskill_tau});
  for (size_t i = 0; i < uids.size(); ++i) {
    Rating& rating = round.score(uids[i]).rating;
    const std::string detail = fmt::format("score {:.6g} among {}", scores[i], uids.size());
    round.set(uids[i], ScoreField::kRatingMu, rating.mu, rated[i].mu, ScoreReason::kRated, detail);
    round.set(uids[i], ScoreField::kRatingSigma, rating.sigma, rated[i].sigma, ScoreReason::kRated, detail);
  }
}

void synchronise_miner(ScoringRound& round, const MinerEvidence& miner) {
  if (!miner.verdict.accepted()) return;
  const int64_t steps = counted_steps_behind(miner);
  const char* what = !miner.possession_proof_fits ? "possession proof does not fit"
                     : !miner.steps_behind        ? "state root unknown"
                                                  : "state root known";
  MinerScore& score = round.score(miner.uid);
  round.set(miner.uid, ScoreField::kSyncFactor, score.sync_factor, sync_factor(steps),
            ScoreReason::kSynchronised, fmt::format("{}: counts as {} outer steps behind", what, steps));
}

void score_miner(ScoringRound& round, const MinerEvidence& miner) {
  MinerScore& score = round.score(miner.uid);
  const ScoringSpec& scoring = round.spec.scoring;
  const bool is_warm = round.evidence.outer_step >= scoring.binary_score_warmup_windows;
  const bool counts = !is_warm || score.binary_average >= scoring.binary_score_threshold;
  const double binary = counts ? std::max(0.0, score.binary_average) : 0.0;
  double final_score = std::max(0.0, score.rating.ordinal()) * binary * score.sync_factor;
  std::vector<PenaltyEffect> effects;
  for (const Penalty penalty : penalties()) {
    if (auto effect = penalty(miner, score, round.spec)) effects.push_back(*std::move(effect));
  }

  round.set(miner.uid, ScoreField::kFinalScore, score.final_score, final_score, ScoreReason::kScored,
            fmt::format("ordinal {:.6g}, binary average {:.6g}, sync {:.6g}", score.rating.ordinal(), binary,
                        score.sync_factor));
  for (PenaltyEffect& effect : effects) {
    round.set(miner.uid, ScoreField::kFinalScore, score.final_score, score.final_score * effect.factor,
              effect.reason, std::move(effect.detail));
  }
}

ScoringRound open_round(const Scoreboard& scoreboard, const Evidence& evidence, const RunSpec& spec) {
  CHECK(evidence.window > scoreboard.window);
  ScoringRound round{.evidence = evidence, .spec = spec, .miners = {}, .scoreboard = scoreboard, .log = {}};
  for (const MinerEvidence& miner : evidence.miners) round.miners.push_back(&miner);
  std::sort(round.miners.begin(), round.miners.end(),
            [](const MinerEvidence* a, const MinerEvidence* b) { return a->uid < b->uid; });
  const auto twice =
      std::adjacent_find(round.miners.begin(), round.miners.end(),
                         [](const MinerEvidence* a, const MinerEvidence* b) { return a->uid == b->uid; });
  CHECK(twice == round.miners.end());
  round.scoreboard.window = evidence.window;
  return round;
}

AdvanceResult close_round(ScoringRound round) {
  AdvanceResult result;
  std::map<uint32_t, double> final_scores;
  for (const auto& [uid, score] : round.scoreboard.miners) final_scores[uid] = score.final_score;
  result.weights = incentive_weights(final_scores, round.spec);
  for (const auto& [uid, final_score] : final_scores) {
    const auto weight = result.weights.find(uid);
    const bool is_burnt = round.spec.scoring.burn_rate > 0 && uid == round.spec.scoring.burn_uid;
    const bool has_earned = final_score > 0 && !is_burnt && weight != result.weights.end();
    result.candidates.push_back({.uid = uid, .weight = has_earned ? weight->second : 0.0});
  }
  for (auto& [uid, changes] : round.log) {
    std::move(changes.begin(), changes.end(), std::back_inserter(result.changes));
  }
  result.scoreboard = std::move(round.scoreboard);
  return result;
}

}  // namespace

AdvanceResult advance_scoreboard(const Scoreboard& scoreboard, const Evidence& evidence,
                                 const RunSpec& spec) {
  ScoringRound round = open_round(scoreboard, evidence, spec);
  for (const MinerEvidence* miner : round.miners) admit_miner(round, *miner);
  for (const MinerEvidence* miner : round.miners) record_measurement(round, *miner);
  rate_miners(round);
  for (const MinerEvidence* miner : round.miners) synchronise_miner(round, *miner);
  for (const MinerEvidence* miner : round.miners) score_miner(round, *miner);
  return close_round(std::move(round));
}

double sync_factor(int64_t steps_behind) {
  const int64_t steps = std::clamp<int64_t>(steps_behind, 0, kLostSteps);
  const double x = 1.0 - static_cast<double>(steps) / static_cast<double>(kLostSteps);
  return x * x * std::sqrt(x);
}

int64_t counted_steps_behind(const MinerEvidence& miner) {
  return miner.possession_proof_fits ? miner.steps_behind.value_or(kLostSteps) : kLostSteps;
}

std::vector<EvaluationCandidate> evaluation_candidates(const Scoreboard& scoreboard,
                                                       std::span<const uint32_t> uids) {
  std::vector<EvaluationCandidate> candidates;
  for (const uint32_t uid : uids) {
    const auto known = scoreboard.miners.find(uid);
    const MinerScore score = known != scoreboard.miners.end() ? known->second : MinerScore{};
    candidates.push_back({uid, score.rating.ordinal(), score.last_evaluated_window});
  }
  return candidates;
}

std::string_view reason_name(ScoreReason reason) {
  switch (reason) {
    case ScoreReason::kNewMiner:
      return "new_miner";
    case ScoreReason::kKeyChanged:
      return "key_changed";
    case ScoreReason::kEvaluated:
      return "evaluated";
    case ScoreReason::kNotMeasurable:
      return "not_measurable";
    case ScoreReason::kRated:
      return "rated";
    case ScoreReason::kSynchronised:
      return "synchronised";
    case ScoreReason::kScored:
      return "scored";
    case ScoreReason::kMissing:
      return "missing";
    case ScoreReason::kInvalid:
      return "invalid";
    case ScoreReason::kOutOfSync:
      return "out_of_sync";
  }
  std::unreachable();
}

bool is_penalty(ScoreReason reason) {
  switch (reason) {
    case ScoreReason::kMissing:
    case ScoreReason::kInvalid:
    case ScoreReason::kOutOfSync:
      return true;
    case ScoreReason::kNewMiner:
    case ScoreReason::kKeyChanged:
    case ScoreReason::kEvaluated:
    case ScoreReason::kNotMeasurable:
    case ScoreReason::kRated:
    case ScoreReason::kSynchronised:
    case ScoreReason::kScored:
      return false;
  }
  std::unreachable();
}

}  // namespace templar
