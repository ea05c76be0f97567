// A node's copy of the shared model: the parameters in its engine, and which window they are the start of.
// Only close_window and the two ways to begin move it, so it either stands at a window's start or has to
// begin again, and is never between two windows.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/hash.h"
#include "base/threads/thread_team.h"
#include "core/consensus/outer_step.h"
#include "core/consensus/state_root.h"
#include "core/run/window_plan.h"
#include "engine/engine.h"
#include "node/window/environment.h"

namespace templar {

class Replica {
 public:
  // A contribution from an older model than these has lost the run.
  static constexpr size_t kOlderRoots = 8;

  // Environment and engine must outlive it. threads: for the outer step and hashing.
  Replica(const NodeEnvironment& environment, Engine& engine, int threads)
      : environment_(environment), engine_(engine), team_(threads), in_force_(environment.specs->own()) {}

  // Every call that returns a Status or a Result fails (fatal) where the engine fails. The replica has to
  // begin again then. What moves it to a window fails (retry), with nothing changed, where the ledger was
  // away, and (fatal) where the owner has amended what this program can't follow.

  // The run's initial model, as the start of that window.
  [[nodiscard]] Status begin_initial(int64_t window);
  // Lets `load` write the parameters. Call begin_loaded() after it, to say of which window they are the
  // start. Fails as `load` does.
  [[nodiscard]] Status load(const std::function<Status(ParameterSpans)>& load);
  // The parameters that have just been loaded, as the start of that window.
  [[nodiscard]] Status begin_loaded(int64_t window, int64_t outer_step, int64_t start_window = 0);
  // The parameters are wrong.
  void discard() { begun_ = false; }
  // Whether it stands at a window's start.
  [[nodiscard]] bool begun() const { return begun_; }

  [[nodiscard]] WindowPlan plan() const { return plan_window(spec(), window_, outer_step_); }
  // The run spec in force in its window, and the amendments that it has; before it is begun the run's own.
  [[nodiscard]] const RunSpec& spec() const { return *in_force_.spec; }
  [[nodiscard]] const SpecInForce& in_force() const { return in_force_; }
  [[nodiscard]] int64_t window() const { return window_; }
  [[nodiscard]] int64_t outer_step() const { return outer_step_; }
  // The run's first.
  [[nodiscard]] int64_t start_window() const { return start_window_; }
  // Of the parameters at the window's start: the root, and the tree of hashes below it.
  [[nodiscard]] const Hash256& state_root() const { return state_tree_.root; }
  [[nodiscard]] const StateTree& state_tree() const { return state_tree_; }
  // Of the models before, newest first: the one at place k is k + 1 outer steps older. Those that it has had
  // itself since it began, kOlderRoots at most.
  [[nodiscard]] const std::vector<Hash256>& older_roots() const { return older_roots_; }
  [[nodiscard]] Result<ConstParameterSpans> parameters() const { return engine_.parameters(); }
  [[nodiscard]] Engine& engine() { return engine_; }
  [[nodiscard]] ThreadTeam& team() { return team_; }
  // What the outer step of this window is scaled with: outer.learning_rate, or the schedule's in demo.
  [[nodiscard]] double outer_learning_rate() const;

  // Reads once more what is in force in its window, for where a decision names more than the ledger had.
  [[nodiscard]] Status read_spec_again();

  // Applies the window's accepted contributions, ascending uid, and moves on to the next window. Without
  // contributions (a null round) the model and the count of outer steps stay. The parameters must be those of
  // the window's start.
  [[nodiscard]] Status close_window(std::span<const Contribution> accepted);

 private:
  [[nodiscard]] Status refresh();

  const NodeEnvironment& environment_;
  Engine& engine_;
  ThreadTeam team_;
  int64_t window_ = 0;
  int64_t outer_step_ = 0;
  int64_t start_window_ = 0;
  SpecInForce in_force_;
  StateTree state_tree_;
  std::vector<Hash256> older_roots_;
  bool begun_ = false;
};

}  // namespace templar
