#include "core/run/schedule.h"

#include <algorithm>

#include "core/run/exact_cosine.h"

namespace templar {
namespace {

// Linear up to the peak, a cosine down.
double rate_at(const InnerSpec& inner, int64_t position) {
  if (position < inner.warmup_steps) {
    return inner.learning_rate * static_cast<double>(position) / static_cast<double>(inner.warmup_steps);
  }
  const double lowest = inner.learning_rate * inner.eta_min_factor;
  const int64_t decay_steps = inner.schedule_steps - inner.warmup_steps;
  if (decay_steps <= 0) return lowest;
  const int64_t progress = std::min(position - inner.warmup_steps, decay_steps);
  return lowest + (inner.learning_rate - lowest) * 0.5 * (1.0 + exact_cosine(2 * progress, decay_steps));
}

// step: since annealing began.
double annealed_rate(const InnerSpec& inner, int64_t step) {
  const ScheduleSpec& schedule = inner.schedule;
  const double peak = inner.learning_rate * schedule.anneal_peak_factor;
  if (step < schedule.anneal_warmup_steps)
    return peak * static_cast<double>(step) / static_cast<double>(schedule.anneal_warmup_steps);
  const int64_t decay_steps = schedule.anneal_outer_steps * inner.steps;
  if (decay_steps == 0) return peak;
  const double end = inner.learning_rate * schedule.anneal_end_factor;
  const int64_t progress = std::min(step - schedule.anneal_warmup_steps, decay_steps);
  return peak + (end - peak) * static_cast<double>(progress) / static_cast<double>(decay_steps);
}

// Where warm-up and cosine stand after so many inner steps of the run.
int64_t position_of(const InnerSpec& inner, int64_t step) {
  const ScheduleSpec& schedule = inner.schedule;
  int64_t position = step;
  if (step >= schedule.rewind_from_outer_step * inner.steps)
    position = std::max<int64_t>(step - schedule.rewind_steps, 0);
  const int64_t flat_begin = schedule.flat_from_outer_step * inner.steps;
  const int64_t flat_steps = schedule.flat_outer_steps * inner.steps;
  return position - std::clamp<int64_t>(position - flat_begin, 0, flat_steps);
}

}  // namespace

double scheduled_learning_rate(const InnerSpec& inner, int64_t step) {
  const int64_t anneal_begin = inner.schedule.anneal_from_outer_step * inner.steps;
  if (inner.schedule.anneal_from_outer_step > 0 && step >= anneal_begin)
    return annealed_rate(inner, step - anneal_begin);
  return rate_at(inner, position_of(inner, step));
}

double restart_warmup(const InnerSpec& inner, int64_t updates) {
  const int64_t steps = inner.schedule.restart_warmup_steps;
  return updates < steps ? static_cast<double>(updates + 1) / static_cast<double>(steps) : 1.0;
}

}  // namespace templar
