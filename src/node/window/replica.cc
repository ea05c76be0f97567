#include "node/window/replica.h"

#include <utility>

#include "core/run/schedule.h"

namespace templar {

Status Replica::begin_initial(int64_t window) {
  TRY(load([&](ParameterSpans parameters) -> Status {
    initialise_parameters(environment_.layout, environment_.spec.model, environment_.spec.seed, parameters);
    return {};
  }));
  return begin_loaded(window, 0, window);
}

Status Replica::load(const std::function<Status(ParameterSpans)>& load) {
  // Until refresh(): if the loading fails in the middle, the parameters are those of no window.
  begun_ = false;
  return engine_.edit_parameters(load);
}

Status Replica::begin_loaded(int64_t window, int64_t outer_step, int64_t start_window) {
  TRY_ASSIGN(in_force_, environment_.specs->at(window));
  window_ = window;
  start_window_ = start_window;
  outer_step_ = outer_step;
  older_roots_.clear();
  return refresh();
}

double Replica::outer_learning_rate() const {
  if (spec().algorithm == Algorithm::kSparseLoco) return spec().outer.learning_rate;
  return scheduled_learning_rate(spec().inner, plan().first_inner_step);
}

Status Replica::read_spec_again() {
  TRY_ASSIGN(in_force_, environment_.specs->at(window_));
  return {};
}

Status Replica::close_window(std::span<const Contribution> accepted) {
  // Before anything is changed: the ledger may be away.
  TRY_ASSIGN(SpecInForce next, environment_.specs->at(window_ + 1));
  if (!accepted.empty()) {
    TRY(load([&](ParameterSpans parameters) -> Status {
      apply_outer_step(parameters, environment_.layout, spec(), as_list(accepted), outer_learning_rate(),
                       team_);
      return {};
    }));
    ++outer_step_;
    older_roots_.insert(older_roots_.begin(), state_root());
    if (older_roots_.size() > kOlderRoots) older_roots_.pop_back();
    TRY(refresh());
  }
  ++window_;
  in_force_ = std::move(next);
  return {};
}

Status Replica::refresh() {
  TRY_ASSIGN(state_tree_, engine_.state_tree());
  begun_ = true;
  return {};
}

}  // namespace templar
