#include "core/scoring/rules/rules.h"

namespace templar {

std::vector<RuleEffect> penalise_invalid(const RuleView& view) {
  std::vector<RuleEffect> effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    if (!counts_as_invalid(miner.verdict.code)) continue;
    effects.push_back({.uid = miner.uid,
                       .reason = ScoreReason::kInvalid,
                       .detail = miner.verdict.reason,
                       .factor = view.scoring.penalties.invalid_factor});
  }
  return effects;
}

}  // namespace templar
