#include <fmt/format.h>

#include <algorithm>

#include "core/scoring/rules/rules.h"

namespace templar {

std::vector<RuleEffect> penalise_low_gather_success(const RuleView& view) {
  std::vector<RuleEffect> effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    const MinerScore& score = view.score(miner.uid);
    // A share of fewer would punish a newcomer for its first mishap.
    if (!miner.gathered || score.gathers.size() < kRememberedWindows) continue;
    const int64_t accepted =
        std::ranges::count(score.gathers, VerdictCode::kAccepted, &GatherOutcome::verdict);
    const double limit = view.scoring.penalties.gather_success_limit * kRememberedWindows;
    if (static_cast<double>(accepted) >= limit) continue;
    effects.push_back(
        {.uid = miner.uid,
         .reason = ScoreReason::kGatherSuccess,
         .detail = fmt::format("accepted in {} of its last {} gathers", accepted, score.gathers.size()),
         .factor = 0,
         .multiplies = Multiplies::kFinalScoreAndAverage});
  }
  return effects;
}

}  // namespace templar
