#include <fmt/format.h>

#include "core/scoring/rules/rules.h"

namespace templar {

std::vector<RuleEffect> withhold_from_excluded(const RuleView& view) {
  std::vector<RuleEffect> effects;
  for (const auto& [uid, score] : view.scoreboard.miners) {
    if (!score.is_excluded(view.evidence.window)) continue;
    effects.push_back({.uid = uid,
                       .reason = ScoreReason::kExcluded,
                       .detail = score.awaits_gain
                                     ? "excluded until a gradient score that is not below 0"
                                     : fmt::format("excluded before window {}", score.excluded_before),
                       .factor = 0});
  }
  return effects;
}

}  // namespace templar
