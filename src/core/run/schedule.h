// The inner learning rate over a run. Miners train with it, and DeMo's outer step is scaled with it, so it is
// on the consensus path.
#pragma once

#include <cstdint>

#include "core/run/run_spec.h"

namespace templar {

// Linear warm-up from 0 to inner.learning_rate, then a cosine to learning_rate * eta_min_factor at
// schedule_steps, flat after. step counts inner steps of the run from 0 and comes from the global step, never
// from the number of calls. The same bits on every machine.
[[nodiscard]] double scheduled_learning_rate(const InnerSpec& inner, int64_t step);

}  // namespace templar
