// The inner learning rate over a run. Miners train with it, and DeMo's outer step is scaled with it, so it is
// on the consensus path.
#pragma once

#include <cstdint>

#include "core/run/run_spec.h"

namespace templar {

// Linear warm-up from 0 to inner.learning_rate, then a cosine to learning_rate * eta_min_factor at
// schedule_steps, flat after; with a flat stretch, a rewind and annealing where inner.schedule has them. step
// counts inner steps of the run from 0 and comes from the global step, never from the number of calls. The
// same bits on every machine.
[[nodiscard]] double scheduled_learning_rate(const InnerSpec& inner, int64_t step);

// What a miner scales the rate with whose moments have had so many updates: 1 / restart_warmup_steps at the
// first one, 1 from the last of these steps on. Its own affair: nothing else depends on it.
[[nodiscard]] double restart_warmup(const InnerSpec& inner, int64_t updates);

}  // namespace templar
