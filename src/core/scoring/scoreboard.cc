#include "core/scoring/scoreboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/check.h"
#include "core/scoring/rules/rules.h"

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
  template <typename Number>
  void set(uint32_t uid, ScoreField field, Number& number, Number value, ScoreReason reason,
           std::string detail = {}) {
    if (number == value) return;
    log[uid].push_back(
        {uid, reason, field, static_cast<double>(number), static_cast<double>(value), std::move(detail)});
    number = value;
  }
};

void admit_miner(ScoringRound& round, uint32_t uid, const PublicKey& key) {
  const auto known = round.scoreboard.miners.find(uid);
  const bool is_known = known != round.scoreboard.miners.end();
  if (is_known && known->second.key == key) return;
  if (is_known) {
    round.note(uid, ScoreReason::kKeyChanged,
               fmt::format("key {} -> {}", known->second.key.hex(), key.hex()));
  } else {
    round.note(uid, ScoreReason::kNewMiner, fmt::format("key {}", key.hex()));
  }
  round.scoreboard.miners[uid] = MinerScore{.uid = uid, .key = key, .first_window = round.evidence.window};
}

// The measured gradient score; minus infinity and what is worse than missing count as missing.
std::optional<double> measure(const MinerEvidence& miner, const ScoringSpec& scoring) {
  if (!miner.can_be_rated() || !miner.evaluation) return std::nullopt;
  const std::optional<double> improvement = miner.evaluation->unassigned.relative_improvement();
  if (!improvement || !miner.evaluation->own.relative_improvement()) return std::nullopt;
  return std::isfinite(*improvement) ? *improvement : scoring.missing_contribution_score;
}

template <typename Entry>
void remember(std::vector<Entry>& newest, const Entry& entry) {
  newest.push_back(entry);
  if (newest.size() > kRememberedWindows) newest.erase(newest.begin());
}

void count_not_seen(const ScoringRound& round, MinerScore& score, bool is_seen) {
  if (is_seen) {
    score.windows_not_seen = 0;
  } else if (round.evidence.took_any()) {
    ++score.windows_not_seen;
  }
}

void record_presence(ScoringRound& round, const MinerEvidence& miner) {
  MinerScore& score = round.score(miner.uid);
  if (miner.gathered && round.evidence.took_any())
    remember(score.gathers, {round.evidence.window, miner.verdict.code});
  count_not_seen(round, score, miner.is_present());
}

void record_activity(ScoringRound& round, const MinerActivity& miner) {
  const auto known = round.scoreboard.miners.find(miner.uid);
  if (known == round.scoreboard.miners.end()) return;
  count_not_seen(round, known->second, miner.is_active);
}

void record_measurement(ScoringRound& round, const MinerEvidence& miner) {
  MinerScore& score = round.score(miner.uid);
  const ScoringSpec& scoring = round.spec.scoring;
  const std::optional<double> gradient_score = measure(miner, scoring);
  if (!gradient_score) {
    if (miner.can_be_rated() && miner.evaluation) {
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
  remember(score.measurements, {round.evidence.window, *gradient_score});
  if (*gradient_score >= 0)
    round.set(miner.uid, ScoreField::kAwaitsGain, score.awaits_gain, false, ScoreReason::kReturned, detail);
}

// In this window.
std::optional<double> measured_score(const ScoringRound& round, uint32_t uid) {
  const auto& measurements = round.scoreboard.miners.at(uid).measurements;
  if (measurements.empty() || measurements.back().window != round.evidence.window) return std::nullopt;
  return measurements.back().gradient_score;
}

// All measured miners, and all whose contribution can't be rated, play one match. Where nobody was measured
// there is none: a tie of the absent would only make their ratings more certain, and so their ordinals
// higher.
void rate_miners(ScoringRound& round) {
  std::vector<uint32_t> uids;
  std::vector<Rating> ratings;
  std::vector<double> scores;
  bool has_measured = false;
  for (const MinerEvidence* miner : round.miners) {
    const std::optional<double> gradient_score = measured_score(round, miner->uid);
    const bool is_usable = miner->can_be_rated();
    if (is_usable && !gradient_score) continue;
    has_measured = has_measured || is_usable;
    uids.push_back(miner->uid);
    ratings.push_back(round.score(miner->uid).rating);
    scores.push_back(is_usable ? *gradient_score : round.spec.scoring.missing_contribution_score);
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
  if (!miner.can_be_rated()) return;
  const int64_t steps = counted_steps_behind(miner);
  const char* what = miner.is_stale()               ? "an older state root of the run"
                     : !miner.possession_proof_fits ? "possession proof does not fit"
                     : !miner.steps_behind          ? "state root unknown"
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
  const double final_score = std::max(0.0, score.rating.ordinal()) * binary * score.sync_factor;
  round.set(miner.uid, ScoreField::kFinalScore, score.final_score, final_score, ScoreReason::kScored,
            fmt::format("ordinal {:.6g}, binary average {:.6g}, sync {:.6g}", score.rating.ordinal(), binary,
                        score.sync_factor));
}

void reset_miner(ScoringRound& round, MinerScore& score, const RuleEffect& effect) {
  const MinerScore fresh;
  const auto set = [&](ScoreField field, double& number, double value) {
    round.set(effect.uid, field, number, value, effect.reason, effect.detail);
  };
  set(ScoreField::kRatingMu, score.rating.mu, fresh.rating.mu);
  set(ScoreField::kRatingSigma, score.rating.sigma, fresh.rating.sigma);
  set(ScoreField::kBinaryAverage, score.binary_average, fresh.binary_average);
  set(ScoreField::kGradientScore, score.gradient_score, fresh.gradient_score);
  set(ScoreField::kSyncFactor, score.sync_factor, fresh.sync_factor);
  set(ScoreField::kFinalScore, score.final_score, fresh.final_score);
  score.gathers.clear();
  score.measurements.clear();
  score.windows_not_seen = 0;
}

void apply_effect(ScoringRound& round, const RuleEffect& effect) {
  MinerScore& score = round.score(effect.uid);
  const auto multiply = [&](ScoreField field, double& number) {
    if (number > 0)
      round.set(effect.uid, field, number, number * effect.factor, effect.reason, effect.detail);
  };
  if (effect.resets) {
    reset_miner(round, score, effect);
  } else {
    multiply(ScoreField::kFinalScore, score.final_score);
    if (effect.multiplies == Multiplies::kFinalScoreAndAverage)
      multiply(ScoreField::kBinaryAverage, score.binary_average);
  }
  if (effect.exclude_windows > 0) {
    const int64_t end = round.evidence.window + 1 + effect.exclude_windows;
    round.set(effect.uid, ScoreField::kExcludedBefore, score.excluded_before,
              std::max(score.excluded_before, end), effect.reason, effect.detail);
  }
  if (effect.exclude_until_gain)
    round.set(effect.uid, ScoreField::kAwaitsGain, score.awaits_gain, true, effect.reason, effect.detail);
}

void apply_rules(ScoringRound& round) {
  for (const Rule rule : scoring_rules()) {
    const std::vector<RuleEffect> effects =
        rule({.evidence = round.evidence, .scoreboard = round.scoreboard, .scoring = round.spec.scoring});
    for (const RuleEffect& effect : effects) apply_effect(round, effect);
  }
}

ScoringRound open_round(const Scoreboard& scoreboard, const Evidence& evidence, const RunSpec& spec) {
  CHECK(evidence.window > scoreboard.window);
  ScoringRound round{.evidence = evidence, .spec = spec, .miners = {}, .scoreboard = scoreboard, .log = {}};
  for (const MinerEvidence& miner : evidence.miners) round.miners.push_back(&miner);
  std::sort(round.miners.begin(), round.miners.end(),
            [](const MinerEvidence* a, const MinerEvidence* b) { return a->uid < b->uid; });
  std::set<uint32_t> uids;
  for (const MinerEvidence& miner : evidence.miners) CHECK(uids.insert(miner.uid).second);
  for (const MinerActivity& miner : evidence.activity) CHECK(uids.insert(miner.uid).second);
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
    result.candidates.push_back(
        {.uid = uid,
         .weight = has_earned ? weight->second : 0.0,
         .excluded = round.scoreboard.miners.at(uid).is_excluded(round.evidence.window)});
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
  for (const MinerEvidence* miner : round.miners) admit_miner(round, miner->uid, miner->key);
  for (const MinerActivity& miner : evidence.activity) {
    const bool is_known = round.scoreboard.miners.contains(miner.uid);
    if (is_known && miner.key) admit_miner(round, miner.uid, *miner.key);
  }
  for (const MinerEvidence* miner : round.miners) record_presence(round, *miner);
  for (const MinerActivity& miner : evidence.activity) record_activity(round, miner);
  for (const MinerEvidence* miner : round.miners) record_measurement(round, *miner);
  rate_miners(round);
  for (const MinerEvidence* miner : round.miners) synchronise_miner(round, *miner);
  for (const MinerEvidence* miner : round.miners) score_miner(round, *miner);
  apply_rules(round);
  return close_round(std::move(round));
}

double sync_factor(int64_t steps_behind) {
  const int64_t steps = std::clamp<int64_t>(steps_behind, 0, kLostSteps);
  const double x = 1.0 - static_cast<double>(steps) / static_cast<double>(kLostSteps);
  return x * x * std::sqrt(x);
}

int64_t counted_steps_behind(const MinerEvidence& miner) {
  if (miner.is_stale()) return *miner.steps_behind;
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

}  // namespace templar
