#include <fmt/format.h>

#include "core/scoring/rules/rules.h"

namespace templar {
namespace {

RuleEffect effect_of(const MinerScore& score, const PenaltySpec& spec) {
  return {.uid = score.uid,
          .reason = ScoreReason::kInactive,
          .detail = fmt::format("nothing in time, {} windows in a row", score.windows_not_seen),
          .factor = spec.inactivity_factor,
          .resets = score.windows_not_seen > spec.inactivity_reset_windows};
}

}  // namespace

std::vector<RuleEffect> penalise_inactivity(const RuleView& view) {
  const PenaltySpec& spec = view.scoring.penalties;
  std::vector<RuleEffect> effects;
  if (!view.evidence.took_any()) return effects;
  for (const MinerEvidence& miner : view.evidence.miners) {
    if (!miner.gathered && !miner.is_present()) effects.push_back(effect_of(view.score(miner.uid), spec));
  }
  for (const MinerActivity& miner : view.evidence.activity) {
    // Who never did anything has nothing to lose, and is not on the scoreboard.
    if (!miner.is_active && view.scoreboard.miners.contains(miner.uid))
      effects.push_back(effect_of(view.score(miner.uid), spec));
  }
  return effects;
}

}  // namespace templar
