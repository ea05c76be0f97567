// Which miners a validator evaluates in a window. Pure functions.
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
};

// At most scoring.uids_per_window uids, ascending; all of them if there are no more. Otherwise: where the
// candidates fill num_evaluation_bins bins of uids_per_window each, they are ranked by ordinal and cut into
// bins of equal size (the first ones take the remainder), and one bin is drawn. From it, uids are drawn
// without replacement, each weighted by the windows since it was evaluated last (at least 1); one that never
// was weighs as much as the one that has waited longest.
//
// The same run seed, window and candidates, in any order, give the same uids on every machine. Every uid must
// be there once.
[[nodiscard]] std::vector<uint32_t> choose_evaluated_uids(std::span<const EvaluationCandidate> candidates,
                                                          const ScoringSpec& scoring, uint64_t seed,
                                                          int64_t window);

}  // namespace templar
