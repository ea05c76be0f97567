#include <fmt/format.h>

#include "core/scoring/rules/rules.h"

namespace templar {

std::vector<RuleEffect> penalise_out_of_sync(const RuleView& view) {
  const int64_t allowed = view.scoring.sync_max_steps_behind;
  std::vector<RuleEffect> effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    if (!miner.can_be_rated()) continue;
    const int64_t steps = counted_steps_behind(miner);
    if (steps <= allowed) continue;
    // As much as one missing contribution: work on an old model is of as little use as none.
    effects.push_back({.uid = miner.uid,
                       .reason = ScoreReason::kOutOfSync,
                       .detail = fmt::format("{} outer steps behind, {} are allowed", steps, allowed),
                       .factor = view.scoring.penalties.out_of_sync_factor,
                       .multiplies = Multiplies::kFinalScoreAndAverage});
  }
  return effects;
}

}  // namespace templar
