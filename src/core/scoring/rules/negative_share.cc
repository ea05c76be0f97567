#include <fmt/format.h>

#include <algorithm>

#include "core/scoring/rules/negative_scores.h"

namespace templar {

std::vector<RuleEffect> penalise_negative_share(const RuleView& view) {
  const PenaltySpec& spec = view.scoring.penalties;
  std::vector<RuleEffect> effects;
  if (negatives_are_waived(view)) return effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    const auto& measurements = view.score(miner.uid).measurements;
    if (measured_now(view, miner.uid) == nullptr || measurements.size() < kRememberedWindows) continue;
    const int64_t negative = std::ranges::count_if(measurements, is_negative);
    if (static_cast<double>(negative) <= spec.negative_share_limit * kRememberedWindows) continue;
    effects.push_back({.uid = miner.uid,
                       .reason = ScoreReason::kNegativeShare,
                       .detail = fmt::format("{} of its last {} gradient scores are below 0", negative,
                                             measurements.size()),
                       .factor = spec.negative_factor,
                       .multiplies = Multiplies::kFinalScoreAndAverage});
  }
  return effects;
}

}  // namespace templar
