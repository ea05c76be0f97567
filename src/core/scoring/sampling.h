// Which miners a validator measures (in names here: evaluates) in a window. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/run/run_spec.h"

namespace templar {

struct EvaluationCandidate {
  uint32_t uid = 0;
  double ordinal = 0;                            // of its rating
  std::optional<int64_t> last_evaluated_window;  // none: never
  bool operator==(const EvaluationCandidate&) const = default;
};

// If there are no more candidates than scoring.uids_per_window, all of them. Else, if there are at least
// num_evaluation_bins times as many as uids_per_window, they are ranked by ordinal and cut into that many
// rating bins of equal size (the first ones take the remainder), and one bin is drawn. Then uids_per_window
// uids are drawn without replacement, each weighted by the windows since it was last measured (at least 1);
// one that never was measured weighs as much as the one that has waited longest. The result is ascending.
//
// The same seed (draw_seed()), window and candidates, in any order, give the same uids on every machine.
// Every uid must be there once.
[[nodiscard]] std::vector<uint32_t> choose_evaluated_uids(std::span<const EvaluationCandidate> candidates,
                                                          const ScoringSpec& scoring, uint64_t seed,
                                                          int64_t window);

}  // namespace templar
