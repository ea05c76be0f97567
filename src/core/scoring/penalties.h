// What lowers a final score beyond its formula: a list of rules, applied in its order.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/scoring/scoreboard.h"

namespace templar {

struct PenaltyEffect {
  double factor = 1;  // 0 .. 1, multiplies the final score
  ScoreReason reason = ScoreReason::kMissing;
  std::string detail;
};

// Asked of the miners that the window has evidence of. Looks at the window's evidence and at the miner's
// score, its history already including this window. nullopt if the rule does not apply.
using Penalty = std::optional<PenaltyEffect> (*)(const MinerEvidence& evidence, const MinerScore& miner,
                                                 const RunSpec& spec);

// Missing (or too early or late, so not gathered): x0.75, the second time in a row x0.5, from the third on 0.
// Invalid: 0. More than scoring.sync_max_steps_behind outer steps behind: x0.75.
[[nodiscard]] std::span<const Penalty> penalties();

}  // namespace templar
