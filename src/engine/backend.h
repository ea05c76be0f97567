// What an Engine computes with. Above it is what all engines do alike; below it the arithmetic of the
// processor or of a device. The Engine has checked every batch and cut it into parts that fit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/backend_failure.h"
#include "engine/engine.h"

namespace templar {

// One update of the optimiser.
struct OptimiserStep {
  double learning_rate = 0;
  double gradient_scale = 1;  // the clip coefficient
  int64_t update = 1;         // its number, counted from 1
};

// Methods throw BackendFailure and std::bad_alloc, which the Engine turns into errors. Views in the host's
// memory last as long as the backend; what they show is as of the call that returned them.
class Backend {
 public:
  virtual ~Backend() = default;

  // The current values, in the host's memory.
  [[nodiscard]] virtual ParameterBuffers& parameters() = 0;
  // The parameters become what the host's memory holds now.
  virtual void take_parameters() = 0;
  [[nodiscard]] virtual StateTree state_tree() = 0;

  // Of an engine that trains. As Engine::gradients; the optimiser's moments, by parameter.
  [[nodiscard]] virtual ParameterBuffers& gradients() = 0;
  [[nodiscard]] virtual std::vector<Moment> moments() = 0;
  virtual void take_moments() = 0;

  // Adds one part of a batch to the sums: its summed loss, and the gradient of `scale` times that loss. With
  // `first` the sums begin at 0.
  virtual void add_gradient(const TokenBatch& part, float scale, bool first) = 0;
  struct GradientSum {
    double loss = 0;  // nats, summed over the batch
    double norm = 0;  // L2 of the gradient
  };
  [[nodiscard]] virtual GradientSum gradient_sum() = 0;
  virtual void update(const OptimiserStep& step) = 0;

  // The loss alone, added up in the same way.
  virtual void add_loss(const TokenBatch& part, bool first) = 0;
  [[nodiscard]] virtual double loss_sum() = 0;

  // [part's tokens, vocab], in the host's memory.
  virtual void logits(const TokenBatch& part, float* out) = 0;
  // As Engine::score_continuations.
  [[nodiscard]] virtual std::vector<ContinuationScore> score(std::span<const ScoredSequence> sequences) = 0;
  // The logits of the token that follows `tokens`, which are 1 to sequence_length; the view lasts until the
  // next call.
  [[nodiscard]] virtual std::span<const float> next_logits(std::span<const uint32_t> tokens) = 0;
};

}  // namespace templar
