// A miner's training inside a window.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/run/run_spec.h"
#include "engine/engine.h"

namespace templar {

struct InnerReport {
  std::vector<double> losses;  // one a step
  double gradient_norm_mean = 0;
  double learning_rate_last = 0;
  int64_t tokens = 0;
};

// inner.steps train steps, at the schedule's learning rates from the run's step first_step on, smaller while
// the optimiser's moments are fresh (restart_warmup); batch_at(step)
// gives each one's batch. Stops at the first error.
[[nodiscard]] Result<InnerReport> inner_steps(
    Engine& engine, const InnerSpec& inner, int64_t first_step,
    const std::function<Result<TokenBatch>(int64_t step)>& batch_at);

}  // namespace templar
