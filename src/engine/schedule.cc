#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/engine.h"

namespace templar {

double scheduled_learning_rate(const InnerSpec& inner, int64_t step) {
  if (step < inner.warmup_steps) {
    return inner.learning_rate * static_cast<double>(step) / static_cast<double>(inner.warmup_steps);
  }
  const double lowest = inner.learning_rate * inner.eta_min_factor;
  const int64_t decay_steps = inner.schedule_steps - inner.warmup_steps;
  if (decay_steps <= 0) return lowest;
  const double progress =
      std::min(1.0, static_cast<double>(step - inner.warmup_steps) / static_cast<double>(decay_steps));
  return lowest + (inner.learning_rate - lowest) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace templar
