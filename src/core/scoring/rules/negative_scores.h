// What the rules on gradient scores below 0 have in common. What is known of one contribution is a noisy
// measurement on a few samples, so they look at several, and at those of the others.
#pragma once

#include <cstdint>

#include "core/scoring/rules/rules.h"

namespace templar {

[[nodiscard]] bool is_negative(const MeasuredScore& measured);

// The miner's score in this window; nullptr if it was not measured in it.
[[nodiscard]] const MeasuredScore* measured_now(const RuleView& view, uint32_t uid);

// Whether the window was bad for all, so that nobody is blamed for a loss that rose: the
// negative_waiver_rank-th best gradient score of the window is below 0. Where fewer than twice as many were
// measured, the middle one's is asked (of an even number the better of the two): of five miners the fifth is
// the very one to be punished.
[[nodiscard]] bool negatives_are_waived(const RuleView& view);

}  // namespace templar
