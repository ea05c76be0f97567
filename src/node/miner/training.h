// From the window's samples to the values that a contribution carries: inner steps and compression, by the
// run's algorithm.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "core/coding/coded_block.h"
#include "core/run/parameter_layout.h"
#include "engine/model/inner_steps.h"
#include "node/window/replica.h"
#include "node/window/window_samples.h"

namespace templar {

struct TrainedWindow {
  std::vector<EncodedParameter> blocks;
  InnerReport inner;
};

// What a miner keeps from window to window besides its optimiser's moments: the error feedback, or DeMo's
// momentum.
class Trainer {
 public:
  explicit Trainer(const NodeEnvironment& environment);

  // Trains on the assigned samples and compresses what was learnt. The replica's parameters are those of the
  // window's start before and after the call, also on failure; the feedback stays as it was on failure. Fails
  // (skip) if a loss, a gradient or what is compressed is not finite, (fatal) if a token is out of the
  // vocabulary.
  [[nodiscard]] Result<TrainedWindow> train(Replica& replica, const SampleAssignment& assignment,
                                            const Shard& shard);

  // Clears the feedback: it does not count any more after a null round, or for another model.
  void forget_feedback();

  // Called, if set, with what is about to be compressed and the feedback that it will be added to.
  std::function<void(int64_t window, ConstParameterSpans pseudo_gradient, ConstParameterSpans feedback)>
      observe;

  [[nodiscard]] ParameterSpans feedback() { return feedback_.spans(); }
  // Windows that entered the feedback since it was last forgotten; DeMo's iteration number.
  int64_t iterations = 0;

 private:
  [[nodiscard]] Result<TrainedWindow> train_sparse_loco(Replica& replica, const SampleAssignment& assignment,
                                                        const Shard& shard);
  [[nodiscard]] Result<TrainedWindow> train_demo(Replica& replica, const SampleAssignment& assignment,
                                                 const Shard& shard);
  [[nodiscard]] Status take_pseudo_gradient(Engine& engine);

  const NodeEnvironment& environment_;
  ParameterBuffers feedback_;
  // The parameters at the window's start, until the pseudo-gradient takes their place.
  ParameterBuffers start_;
};

}  // namespace templar
