#include <fmt/format.h>

#include <algorithm>

#include "core/scoring/rules/negative_scores.h"

namespace templar {

std::vector<RuleEffect> exclude_negatives_in_a_row(const RuleView& view) {
  const int64_t limit = view.scoring.penalties.negatives_in_a_row;
  std::vector<RuleEffect> effects;
  if (negatives_are_waived(view)) return effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    const MinerScore& score = view.score(miner.uid);
    if (measured_now(view, miner.uid) == nullptr || score.awaits_gain) continue;
    const auto gain = std::find_if_not(score.measurements.rbegin(), score.measurements.rend(), is_negative);
    const int64_t in_a_row = gain - score.measurements.rbegin();
    if (in_a_row < limit) continue;
    effects.push_back({.uid = miner.uid,
                       .reason = ScoreReason::kNegativesInARow,
                       .detail = fmt::format("{} gradient scores below 0 in a row", in_a_row),
                       .exclude_until_gain = true});
  }
  return effects;
}

}  // namespace templar
