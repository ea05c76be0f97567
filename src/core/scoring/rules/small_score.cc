#include "core/scoring/rules/rules.h"

namespace templar {

std::vector<RuleEffect> drop_small_scores(const RuleView& view) {
  std::vector<RuleEffect> effects;
  for (const auto& [uid, score] : view.scoreboard.miners) {
    // What decays would else never end, and share in what is left over where nobody has a score.
    if (score.final_score > 0 && score.final_score < view.scoring.penalties.least_final_score)
      effects.push_back({.uid = uid, .reason = ScoreReason::kSmallScore, .factor = 0});
  }
  return effects;
}

}  // namespace templar
