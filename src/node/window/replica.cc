#include "node/window/replica.h"

#include "core/run/schedule.h"

namespace templar {

void Replica::begin_initial(int64_t window) {
  initialise_parameters(environment_.layout, environment_.spec.model, environment_.spec.seed,
                        engine_.parameters());
  begin_loaded(window, 0, window);
}

void Replica::begin_loaded(int64_t window, int64_t outer_step, int64_t start_window) {
  window_ = window;
  start_window_ = start_window;
  outer_step_ = outer_step;
  refresh();
  begun_ = true;
}

double Replica::outer_learning_rate() const {
  if (environment_.spec.algorithm == Algorithm::kSparseLoco) return environment_.spec.outer.learning_rate;
  return scheduled_learning_rate(environment_.spec.inner, plan().first_inner_step);
}

void Replica::close_window(std::span<const Contribution> accepted) {
  if (!accepted.empty()) {
    apply_outer_step(engine_.parameters(), environment_.layout, environment_.spec, as_list(accepted),
                     outer_learning_rate(), team_);
    ++outer_step_;
    refresh();
  }
  ++window_;
}

void Replica::refresh() {
  engine_.parameters_changed();
  state_tree_ = compute_state_tree(environment_.layout, parameters(), team_);
}

}  // namespace templar
