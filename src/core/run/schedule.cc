#include "core/run/schedule.h"

#include <algorithm>

#include "core/run/exact_cosine.h"

namespace templar {

double scheduled_learning_rate(const InnerSpec& inner, int64_t step) {
  if (step < inner.warmup_steps) {
    return inner.learning_rate * static_cast<double>(step) / static_cast<double>(inner.warmup_steps);
  }
  const double lowest = inner.learning_rate * inner.eta_min_factor;
  const int64_t decay_steps = inner.schedule_steps - inner.warmup_steps;
  if (decay_steps <= 0) return lowest;
  const int64_t progress = std::min(step - inner.warmup_steps, decay_steps);
  return lowest + (inner.learning_rate - lowest) * 0.5 * (1.0 + exact_cosine(2 * progress, decay_steps));
}

}  // namespace templar
