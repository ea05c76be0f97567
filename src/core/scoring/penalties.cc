#include "core/scoring/penalties.h"

#include <fmt/format.h>

#include <array>

namespace templar {
namespace {

// The reference's factors. Missing in the gather: a lost upload costs a quarter, two in a row half, and
// whoever is missing for longer has left and earns nothing until it is back.
constexpr std::array<double, 3> kMissingFactors = {0.75, 0.5, 0.0};
// As much as one missing contribution: work on an old model is of as little use as none.
constexpr double kOutOfSyncFactor = 0.75;
// Whoever sends something invalid could have checked it before.
constexpr double kInvalidFactor = 0.0;

bool was_not_gathered(VerdictCode verdict) {
  return verdict == VerdictCode::kMissing || verdict == VerdictCode::kTooEarly ||
         verdict == VerdictCode::kTooLate;
}

std::optional<PenaltyEffect> penalise_missing(const MinerEvidence& evidence, const MinerScore& miner,
                                              const RunSpec&) {
  if (!was_not_gathered(evidence.verdict.code)) return std::nullopt;
  size_t in_a_row = 0;
  for (auto outcome = miner.history.rbegin(); outcome != miner.history.rend(); ++outcome, ++in_a_row) {
    if (!was_not_gathered(outcome->verdict)) break;
  }
  const double factor = kMissingFactors[std::min(in_a_row, kMissingFactors.size()) - 1];
  return PenaltyEffect{factor, ScoreReason::kMissing,
                       fmt::format("{}, {} in a row{}{}", verdict_name(evidence.verdict.code), in_a_row,
                                   evidence.verdict.reason.empty() ? "" : ": ", evidence.verdict.reason)};
}

std::optional<PenaltyEffect> penalise_invalid(const MinerEvidence& evidence, const MinerScore&,
                                              const RunSpec&) {
  if (evidence.verdict.code != VerdictCode::kInvalid) return std::nullopt;
  return PenaltyEffect{kInvalidFactor, ScoreReason::kInvalid, evidence.verdict.reason};
}

// Never strikes what the gather took, which started from our own root (decision 2).
std::optional<PenaltyEffect> penalise_out_of_sync(const MinerEvidence& evidence, const MinerScore&,
                                                  const RunSpec& spec) {
  if (!evidence.verdict.accepted()) return std::nullopt;
  const int64_t steps = counted_steps_behind(evidence);
  const int64_t allowed = spec.scoring.sync_max_steps_behind;
  if (steps <= allowed) return std::nullopt;
  return PenaltyEffect{kOutOfSyncFactor, ScoreReason::kOutOfSync,
                       fmt::format("{} outer steps behind, {} are allowed", steps, allowed)};
}

constexpr std::array<Penalty, 3> kPenalties = {penalise_missing, penalise_invalid, penalise_out_of_sync};

}  // namespace

std::span<const Penalty> penalties() {
  return kPenalties;
}

}  // namespace templar
