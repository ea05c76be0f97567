// The one room that computes a model. An Engine owns a model's f32 master parameters (the exact values;
// matrix products may read a rounded copy) and, if it trains, their gradients and the inner optimiser's
// moments. Its memory is allocated at its making; only what keeps the tokens of generation, and a device's
// copies in the host's memory, come when they are first asked for. Not thread-safe: one caller at a time;
// several engines in one process don't disturb each other, each works with its own team of threads.
//
// What every engine does alike is here: checks, the cutting of batches, choosing tokens. What computes is a
// Backend (backend.h): the processor's, or a device's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/consensus/state_root.h"
#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"

namespace templar {

class Backend;

enum class Precision {
  kF32,
  kBf16,  // matrix products in bf16 with f32 accumulation, from f32 master weights
  // f32 with every sum in one order: the same bits from every number of threads and every x86-64 with AVX2.
  // On the processor's engine alone.
  kF32Deterministic,
};

enum class EngineUse {
  kTraining,
  // Losses, scores and text alone: no gradients, no moments, one layer's activations.
  kEvaluating,
};

// Local choices: they decide time, memory and rounding, and do not change the mathematics.
struct EngineOptions {
  int threads = 1;  // of the processor's engine
  Precision precision = Precision::kF32;
  // Rows [sequences] of a forward and backward pass; a larger batch is accumulated in parts of this size.
  // Activations grow with it.
  int64_t micro_batch = 8;
  EngineUse use = EngineUse::kTraining;
  // Keeps only what enters each layer and computes the rest again in the backward pass: a third more work for
  // a fraction of the activations.
  bool recompute_layers = false;
};

// Token ids, [batch, sequence], row-major, not owned.
struct TokenBatch {
  std::span<const uint32_t> tokens;
  int64_t batch = 0;
  int64_t sequence = 0;
};

struct TrainStepReport {
  double loss = 0;           // mean cross-entropy, nats a predicted token
  double gradient_norm = 0;  // L2 over all parameters, before clipping
  double learning_rate = 0;
};

struct EvaluationReport {
  double loss_sum = 0;  // nats
  int64_t predicted_tokens = 0;
  [[nodiscard]] double mean_loss() const { return loss_sum / static_cast<double>(predicted_tokens); }
};

// A context and what continues it, side by side: the probability of the tokens [context, tokens.size()) is
// asked for. Not owned.
struct ScoredSequence {
  std::span<const uint32_t> tokens;
  int64_t context = 0;  // tokens, at least one
};

struct ContinuationScore {
  double log_probability = 0;  // nats, summed over the continuation's tokens
  int64_t tokens = 0;          // of the continuation
  bool greedy = true;          // each of them is the most probable one; of equal ones the lowest
};

// What the inner optimiser remembers of one parameter.
struct Moment {
  std::string name;         // the parameter's, then ".exp_avg", ".exp_avg_sq" or ".momentum_buffer"
  std::span<float> values;  // as many as the parameter has; not owned
};

// The state of the inner optimiser: what a miner saves, and writes back to resume exactly.
struct OptimiserState {
  std::vector<Moment> moments;  // by parameter, in canonical order
  int64_t updates = 0;          // how many updates were made
};

struct GenerationOptions {
  int64_t max_new_tokens = 128;
  double temperature = 0.8;  // 0: the most probable token every time
  int64_t top_k = 40;        // 0: all
  uint64_t seed = 0;
};

// A token that generation chose.
struct GeneratedToken {
  uint32_t id = 0;
  // Natural, of the model's own distribution, whatever temperature and top_k chose by.
  double log_probability = 0;
};

// Every call can fail (fatal) where a device does, or the memory ends.
class Engine {
 public:
  // The specs and options have been checked (check_engine).
  Engine(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options,
         std::unique_ptr<Backend> backend);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] const ParameterLayout& layout() const { return layout_; }

  // The master weights in canonical order, as they are now, in the host's memory: a device's engine copies
  // them there first. The view lasts until the next call that changes them.
  [[nodiscard]] Result<ConstParameterSpans> parameters() const;
  // Calls edit with the current master weights, in the host's memory, to be changed in place; they count from
  // its return on, also where it fails. Returns what edit does.
  [[nodiscard]] Status edit_parameters(const std::function<Status(ParameterSpans)>& edit);
  // compute_state_tree of the parameters, where they are: no copy to the host.
  [[nodiscard]] Result<StateTree> state_tree() const;

  // One inner step: mean-loss gradient over the batch, clipped to inner.clip_grad_norm, then
  // inner.optimiser's update with the given learning rate (decoupled weight decay on every parameter, as
  // torch.optim.AdamW does when given them all). Fails (skip), leaving the parameters as they were, if the
  // loss or the gradient is not finite; fails (fatal) if a token is out of the vocabulary, the sequence is
  // longer than the spec's, or the engine is not there for training.
  [[nodiscard]] Result<TrainStepReport> train_step(const TokenBatch& batch, double learning_rate);

  // The gradient of the mean loss over the batch, unclipped, left in gradients(); returns the loss. Fails as
  // train_step does.
  [[nodiscard]] Result<double> compute_gradients(const TokenBatch& batch);
  // What the last train_step (before clipping) or compute_gradients computed, in the host's memory; of no use
  // after one that failed. The caller may write over them. Fails (fatal) if the engine is not there for
  // training.
  [[nodiscard]] Result<ParameterSpans> gradients();

  // Loss of predicting each token but a sequence's first from those before it. Parameters, gradients and
  // optimiser stay as they are. Fails (fatal) if a token is out of the vocabulary or the sequence is longer
  // than the spec's; a loss that is not finite is returned as it is.
  [[nodiscard]] Result<EvaluationReport> evaluate(const TokenBatch& batch);

  // One score a sequence, in their order. On the processor, what sequences have in common from their start is
  // computed once, so that a question's choices, and questions behind the same examples, are best given
  // together. Fails (fatal) if a token is out of the vocabulary, a context or a continuation is empty, or a
  // sequence has more than sequence_length + 1 tokens (the last is only predicted); a probability that is not
  // a number is returned as it is.
  [[nodiscard]] Result<std::vector<ContinuationScore>> score_continuations(
      std::span<const ScoredSequence> sequences);

  // Logits [batch, sequence, vocab] for tests and benchmarks of other tasks. Fails (fatal) if a token is out
  // of the vocabulary or the sequence is longer than the spec's.
  [[nodiscard]] Result<std::vector<float>> logits(const TokenBatch& batch);

  // Continues the prompt token by token; returns the new tokens. The context is cut to the last
  // sequence_length tokens; beyond them, and always on a device, each token costs a whole forward pass. Fails
  // (fatal) on an empty prompt, a token out of the vocabulary or options without a meaning.
  [[nodiscard]] Result<std::vector<uint32_t>> generate(std::span<const uint32_t> prompt,
                                                       const GenerationOptions& options);

  // The same, handing over each token as soon as it is chosen; ends early when on_token returns false.
  [[nodiscard]] Status generate_each(std::span<const uint32_t> prompt, const GenerationOptions& options,
                                     const std::function<bool(const GeneratedToken&)>& on_token);

  // A copy in the host's memory, or the memory itself: to be read, until the next call that changes it. Fails
  // (fatal) if the engine is not there for training.
  [[nodiscard]] Result<OptimiserState> optimiser_state();
  // That state's count of updates, without the moments.
  [[nodiscard]] int64_t updates() const { return updates_; }
  // Calls edit with the state, to be changed in place; it counts from its return on, also where it fails.
  // Names and sizes stay. Fails as optimiser_state does, and as edit does.
  [[nodiscard]] Status edit_optimiser_state(const std::function<Status(OptimiserState&)>& edit);

  // For the code that made this engine and knows the backend's type: benchmarks and tests.
  [[nodiscard]] Backend& backend() { return *backend_; }

 private:
  struct Gradient {
    double loss = 0;
    double norm = 0;
  };
  [[nodiscard]] Result<Gradient> gradient_of(const TokenBatch& batch);
  [[nodiscard]] Status check_trains() const;

  ModelSpec model_;
  InnerSpec inner_;
  EngineOptions options_;
  ParameterLayout layout_;
  int64_t updates_ = 0;  // of the optimiser
  std::unique_ptr<Backend> backend_;
};

// Fails (fatal) where a model's shape makes no sense or the options can't be met, whatever computes them.
[[nodiscard]] Status check_engine(const ModelSpec& model, const InnerSpec& inner,
                                  const EngineOptions& options);

}  // namespace templar
