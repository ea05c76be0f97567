// The one room that computes a model. An Engine owns a model's f32 master parameters, its gradients, its
// inner optimiser's moments and all scratch memory, allocated once at its making. Not thread-safe: one caller
// at a time; several engines in one process don't disturb each other, each works with its own team of
// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"

namespace templar {

enum class Precision {
  kF32,
  kBf16,  // matrix products in bf16 with f32 accumulation, from f32 master weights
};

struct EngineOptions {
  int threads = 1;
  Precision precision = Precision::kF32;
  // Rows [sequences] of a forward and backward pass; a larger batch is accumulated in parts of this size. A
  // local choice: it bounds memory (activations grow with it) and does not change the mathematics.
  int64_t micro_batch = 8;
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

// The state of the inner optimiser, which is AdamW: what a miner saves, and writes back to resume exactly. It
// refers to the engine's own memory, so that writing through it changes the engine, also through a const
// OptimiserState; valid as long as the engine.
struct OptimiserState {
  // One span a parameter, in canonical order.
  std::vector<std::span<float>> first_moment;
  std::vector<std::span<float>> second_moment;
  int64_t* updates = nullptr;  // how many updates were made
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

class Engine {
 public:
  virtual ~Engine() = default;

  [[nodiscard]] virtual const ParameterLayout& layout() const = 0;
  // The master weights in canonical order. A caller that has written through them calls parameters_changed()
  // before the next use.
  [[nodiscard]] virtual ParameterSpans parameters() = 0;
  [[nodiscard]] virtual ConstParameterSpans parameters() const = 0;
  virtual void parameters_changed() = 0;

  // One inner step: mean-loss gradient over the batch, clipped to inner.clip_grad_norm, AdamW with the given
  // learning rate (decoupled weight decay on every parameter, as torch.optim.AdamW does when given them all).
  // Fails (skip), leaving the parameters as they were, if the loss or the gradient is not finite; fails
  // (fatal) if a token is out of the vocabulary or the sequence is longer than the spec's.
  [[nodiscard]] virtual Result<TrainStepReport> train_step(const TokenBatch& batch, double learning_rate) = 0;

  // The gradient of the mean loss over the batch, unclipped, left in gradients(); returns the loss. Fails
  // (skip) if the loss or the gradient is not finite, (fatal) if a token is out of the vocabulary or the
  // sequence is longer than the spec's.
  [[nodiscard]] virtual Result<double> compute_gradients(const TokenBatch& batch) = 0;
  // What the last train_step (before clipping) or compute_gradients computed; of no use after one that
  // failed.
  [[nodiscard]] virtual ParameterSpans gradients() = 0;

  // Loss of predicting each token but a sequence's first from those before it. Parameters, gradients and
  // optimiser stay as they are. Fails (fatal) if a token is out of the vocabulary or the sequence is longer
  // than the spec's; a loss that is not finite is returned as it is.
  [[nodiscard]] virtual Result<EvaluationReport> evaluate(const TokenBatch& batch) = 0;

  // One score a sequence, in their order. What sequences have in common from their start is computed once, so
  // that a question's choices, and questions behind the same examples, are best given together. Fails (fatal)
  // if a token is out of the vocabulary, a context or a continuation is empty, or a sequence has more than
  // sequence_length + 1 tokens (the last is only predicted); a probability that is not a number is returned
  // as it is.
  [[nodiscard]] virtual Result<std::vector<ContinuationScore>> score_continuations(
      std::span<const ScoredSequence> sequences) = 0;

  // Logits [batch, sequence, vocab] for tests and benchmarks of other tasks. Fails (fatal) if a token is out
  // of the vocabulary or the sequence is longer than the spec's.
  [[nodiscard]] virtual Result<std::vector<float>> logits(const TokenBatch& batch) = 0;

  // Continues the prompt token by token; returns the new tokens. The context is cut to the last
  // sequence_length tokens; beyond them each token costs a whole forward pass. Fails (fatal) on an empty
  // prompt, a token out of the vocabulary or options without a meaning.
  [[nodiscard]] virtual Result<std::vector<uint32_t>> generate(std::span<const uint32_t> prompt,
                                                               const GenerationOptions& options) = 0;

  // The same, handing over each token as soon as it is chosen; ends early when on_token returns false.
  [[nodiscard]] virtual Status generate_each(std::span<const uint32_t> prompt,
                                             const GenerationOptions& options,
                                             const std::function<bool(const GeneratedToken&)>& on_token) = 0;

  [[nodiscard]] virtual OptimiserState optimiser_state() = 0;
};

// Parameters are zero until a caller initialises or loads them. kBf16 on a processor without bf16 products
// computes in f32 and logs a warning. The same options, batches and parameters give the same bits each time;
// with AVX-512 also for every number of threads. Fails (fatal) where the model's shape makes no sense, the
// options can't be met or the machine has too little memory.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_cpu_engine(const ModelSpec& model, const InnerSpec& inner,
                                                              const EngineOptions& options);

struct InnerReport {
  std::vector<double> losses;  // one a step
  double gradient_norm_mean = 0;
  double learning_rate_last = 0;
  int64_t tokens = 0;
};

// inner.steps train steps; batch_at(step) gives each one's batch. Stops at the first error.
[[nodiscard]] Result<InnerReport> inner_steps(
    Engine& engine, const InnerSpec& inner, int64_t first_step,
    const std::function<Result<TokenBatch>(int64_t step)>& batch_at);

}  // namespace templar
