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

// One window's work: every step below reads it and writes scoreboard and log, nothing else.
struct Window {
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

void admit_miner(Window& window, const MinerEvidence& miner) {
  const auto known = window.scoreboard.miners.find(miner.uid);
  const bool is_known = known != window.scoreboard.miners.end();
  if (is_known && known->second.key == miner.key) return;
  if (is_known) {
    window.note(miner.uid, ScoreReason::kKeyChanged,
                fmt::format("key {} -> {}", known->second.key.hex(), miner.key.hex()));
  } else {
    window.note(miner.uid, ScoreReason::kNewMiner, fmt::format("key {}", miner.key.hex()));
  }
  window.scoreboard.miners[miner.uid] =
      MinerScore{.uid = miner.uid, .key = miner.key, .first_window = window.evidence.window};
}

// The measured gradient score; minus infinity and what is worse than missing count as missing.
std::optional<double> measure(const MinerEvidence& miner, const ScoringSpec& scoring) {
  if (!miner.verdict.accepted() || !miner.evaluation) return std::nullopt;
  const std::optional<double> improvement = miner.evaluation->unassigned.relative_improvement();
  if (!improvement || !miner.evaluation->own.relative_improvement()) return std::nullopt;
  return std::isfinite(*improvement) ? *improvement : scoring.missing_contribution_score;
}

void record_measurement(Window& window, const MinerEvidence& miner) {
  MinerScore& score = window.score(miner.uid);
  const ScoringSpec& scoring = window.spec.scoring;
  const std::optional<double> gradient_score = measure(miner, scoring);
  score.history.push_back({window.evidence.window, miner.verdict.code, gradient_score});
  if (score.history.size() > kHistoryWindows) score.history.erase(score.history.begin());
  if (!gradient_score) {
    if (miner.verdict.accepted() && miner.evaluation) {
      window.note(miner.uid, ScoreReason::kNotMeasurable,
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
  window.set(miner.uid, ScoreField::kGradientScore, score.gradient_score, *gradient_score,
             ScoreReason::kEvaluated, detail);
  window.set(miner.uid, ScoreField::kBinaryAverage, score.binary_average,
             (1.0 - alpha) * score.binary_average + alpha * indicator, ScoreReason::kEvaluated, detail);
  score.last_evaluated_window = window.evidence.window;
}

// All measured miners, and all whose contribution can't be used, play one match. Where nobody was measured
// there is none: a tie of the absent would only make their ratings more certain, and so their ordinals
// higher.
void rate_miners(Window& window) {
  std::vector<uint32_t> uids;
  std::vector<Rating> ratings;
  std::vector<double> scores;
  bool has_measured = false;
  for (const MinerEvidence* miner : window.miners) {
    const WindowOutcome& outcome = window.score(miner->uid).history.back();
    const bool is_usable = miner->verdict.accepted();
    if (is_usable && !outcome.gradient_score) continue;
    has_measured = has_measured || is_usable;
    uids.push_back(miner->uid);
    ratings.push_back(window.score(miner->uid).rating);
    scores.push_back(is_usable ? *outcome.gradient_score : window.spec.scoring.missing_contribution_score);
  }
  if (!has_measured) return;
  const std::vector<Rating> rated =
      rate_match(ratings, scores,
                 {.beta = window.spec.scoring.openskill_beta, .tau = window.spec.scoring.openskill_tau});
  for (size_t i = 0; i < uids.size(); ++i) {
    Rating& rating = window.score(uids[i]).rating;
    const std::string detail = fmt::format("score {:.6g} among {}", scores[i], uids.size());
    window.set(uids[i], ScoreField::kRatingMu, rating.mu, rated[i].mu, ScoreReason::kRated, detail);
    window.set(uids[i], ScoreField::kRatingSigma, rating.sigma, rated[i].sigma, ScoreReason::kRated, detail);
  }
}

void synchronise_miner(Window& window, const MinerEvidence& miner) {
  if (!miner.verdict.accepted()) return;
  const int64_t steps = counted_steps_behind(miner);
  const char* what = !miner.possession_proof_fits ? "possession proof does not fit"
                     : !miner.steps_behind        ? "state root unknown"
                                                  : "state root known";
  MinerScore& score = window.score(miner.uid);
  window.set(miner.uid, ScoreField::kSyncFactor, score.sync_factor, sync_factor(steps),
             ScoreReason::kSynchronised, fmt::format("{}: counts as {} outer steps behind", what, steps));
}

void score_miner(Window& window, const MinerEvidence& miner) {
  MinerScore& score = window.score(miner.uid);
  const ScoringSpec& scoring = window.spec.scoring;
  const bool is_warm = window.evidence.outer_step >= scoring.binary_score_warmup_windows;
  const bool counts = !is_warm || score.binary_average >= scoring.binary_score_threshold;
  const double binary = counts ? std::max(0.0, score.binary_average) : 0.0;
  double final_score = std::max(0.0, score.rating.ordinal()) * binary * score.sync_factor;
  std::vector<PenaltyEffect> effects;
  for (const Penalty penalty : penalties()) {
    if (auto effect = penalty(miner, score, window.spec)) effects.push_back(*std::move(effect));
  }

  window.set(miner.uid, ScoreField::kFinalScore, score.final_score, final_score, ScoreReason::kScored,
             fmt::format("ordinal {:.6g}, binary average {:.6g}, sync {:.6g}", score.rating.ordinal(), binary,
                         score.sync_factor));
  for (PenaltyEffect& effect : effects) {
    window.set(miner.uid, ScoreField::kFinalScore, score.final_score, score.final_score * effect.factor,
               effect.reason, std::move(effect.detail));
  }
}

Window open_window(const Scoreboard& scoreboard, const Evidence& evidence, const RunSpec& spec) {
  CHECK(evidence.window > scoreboard.window);
  Window window{.evidence = evidence, .spec = spec, .miners = {}, .scoreboard = scoreboard, .log = {}};
  for (const MinerEvidence& miner : evidence.miners) window.miners.push_back(&miner);
  std::sort(window.miners.begin(), window.miners.end(),
            [](const MinerEvidence* a, const MinerEvidence* b) { return a->uid < b->uid; });
  const auto twice =
      std::adjacent_find(window.miners.begin(), window.miners.end(),
                         [](const MinerEvidence* a, const MinerEvidence* b) { return a->uid == b->uid; });
  CHECK(twice == window.miners.end());
  window.scoreboard.window = evidence.window;
  return window;
}

AdvanceResult close_window(Window window) {
  AdvanceResult result;
  std::map<uint32_t, double> final_scores;
  for (const auto& [uid, score] : window.scoreboard.miners) final_scores[uid] = score.final_score;
  result.weights = incentive_weights(final_scores, window.spec);
  for (const auto& [uid, final_score] : final_scores) {
    const auto weight = result.weights.find(uid);
    const bool is_burnt = window.spec.scoring.burn_rate > 0 && uid == window.spec.scoring.burn_uid;
    const bool has_earned = final_score > 0 && !is_burnt && weight != result.weights.end();
    result.candidates.push_back({.uid = uid, .weight = has_earned ? weight->second : 0.0});
  }
  for (auto& [uid, changes] : window.log) {
    std::move(changes.begin(), changes.end(), std::back_inserter(result.changes));
  }
  result.scoreboard = std::move(window.scoreboard);
  return result;
}

}  // namespace

AdvanceResult advance(const Scoreboard& scoreboard, const Evidence& evidence, const RunSpec& spec) {
  Window window = open_window(scoreboard, evidence, spec);
  for (const MinerEvidence* miner : window.miners) admit_miner(window, *miner);
  for (const MinerEvidence* miner : window.miners) record_measurement(window, *miner);
  rate_miners(window);
  for (const MinerEvidence* miner : window.miners) synchronise_miner(window, *miner);
  for (const MinerEvidence* miner : window.miners) score_miner(window, *miner);
  return close_window(std::move(window));
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

std::string_view field_name(ScoreField field) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "miner", "rating_mu", "rating_sigma", "binary_average", "gradient_score", "sync_factor", "final_score"};
  return kNames[static_cast<size_t>(field)];
}

std::string_view reason_name(ScoreReason reason) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "new_miner",    "key_changed", "evaluated", "not_measurable", "rated",
      "synchronised", "scored",      "missing",   "invalid",        "out_of_sync"};
  return kNames[static_cast<size_t>(reason)];
}

}  // namespace templar
