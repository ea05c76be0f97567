#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "engine/backend.h"
#include "engine/model/batch_checks.h"
#include "engine/text/sampler.h"

namespace templar {
namespace {

// What a backend throws ends here.
template <typename Work>
auto without_exceptions(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const BackendFailure& failure) {
    return fatal_error(fmt::format("the engine failed: {}", failure.what()));
  } catch (const std::bad_alloc&) {
    return fatal_error("the engine ran out of memory");
  }
}

// Calls work(part, whether it is the first) for the batch's rows, micro_batch of them at a time.
template <typename Work>
void for_parts(const TokenBatch& batch, int64_t micro_batch, const Work& work) {
  for (int64_t row = 0; row < batch.batch; row += micro_batch) {
    work(part_of_batch(batch, row, micro_batch), row == 0);
  }
}

int64_t predicted_tokens(const TokenBatch& batch) {
  return batch.batch * (batch.sequence - 1);
}

}  // namespace

Engine::Engine(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options,
               std::unique_ptr<Backend> backend)
    : model_(model),
      inner_(inner),
      options_(options),
      layout_(parameter_layout(model)),
      backend_(std::move(backend)) {}

Engine::~Engine() = default;

Status check_engine(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options) {
  TRY(check_model(model, inner));
  return check_micro_batch(options.micro_batch, inner);
}

Status Engine::check_trains() const {
  if (options_.use == EngineUse::kTraining) return {};
  return fatal_error("this engine was made for evaluating: it has no gradients and no optimiser");
}

Result<ConstParameterSpans> Engine::parameters() const {
  return without_exceptions(
      [&]() -> Result<ConstParameterSpans> { return std::as_const(backend_->parameters()).spans(); });
}

Status Engine::edit_parameters(const std::function<Status(ParameterSpans)>& edit) {
  return without_exceptions([&]() -> Status {
    Status edited = edit(backend_->parameters().spans());
    backend_->take_parameters();
    return edited;
  });
}

Result<StateTree> Engine::state_tree() const {
  return without_exceptions([&]() -> Result<StateTree> { return backend_->state_tree(); });
}

Result<Engine::Gradient> Engine::gradient_of(const TokenBatch& batch) {
  TRY(check_trains());
  TRY(check_batch(model_, inner_, batch, 2));
  return without_exceptions([&]() -> Result<Gradient> {
    const auto predicted = static_cast<double>(predicted_tokens(batch));
    for_parts(batch, options_.micro_batch, [&](const TokenBatch& part, bool first) {
      backend_->add_gradient(part, static_cast<float>(1.0 / predicted), first);
    });
    const Backend::GradientSum sum = backend_->gradient_sum();
    const Gradient gradient{sum.loss / predicted, sum.norm};
    if (!std::isfinite(gradient.loss) || !std::isfinite(gradient.norm)) {
      return skip_error(fmt::format("the loss ({}) or the norm of its gradient ({}) is not finite",
                                    gradient.loss, gradient.norm));
    }
    return gradient;
  });
}

Result<double> Engine::compute_gradients(const TokenBatch& batch) {
  TRY_ASSIGN(const Gradient gradient, gradient_of(batch));
  return gradient.loss;
}

Result<TrainStepReport> Engine::train_step(const TokenBatch& batch, double learning_rate) {
  TRY_ASSIGN(const Gradient gradient, gradient_of(batch));
  return without_exceptions([&]() -> Result<TrainStepReport> {
    backend_->update({.learning_rate = learning_rate,
                      .gradient_scale = clip_factor(inner_, gradient.norm),
                      .update = ++updates_});
    return TrainStepReport{gradient.loss, gradient.norm, learning_rate};
  });
}

Result<ParameterSpans> Engine::gradients() {
  TRY(check_trains());
  return without_exceptions([&]() -> Result<ParameterSpans> { return backend_->gradients().spans(); });
}

Result<EvaluationReport> Engine::evaluate(const TokenBatch& batch) {
  TRY(check_batch(model_, inner_, batch, 2));
  return without_exceptions([&]() -> Result<EvaluationReport> {
    for_parts(batch, options_.micro_batch,
              [&](const TokenBatch& part, bool first) { backend_->add_loss(part, first); });
    return EvaluationReport{backend_->loss_sum(), predicted_tokens(batch)};
  });
}

Result<std::vector<ContinuationScore>> Engine::score_continuations(
    std::span<const ScoredSequence> sequences) {
  TRY(check_sequences(model_, inner_, sequences));
  return without_exceptions(
      [&]() -> Result<std::vector<ContinuationScore>> { return backend_->score(sequences); });
}

Result<std::vector<float>> Engine::logits(const TokenBatch& batch) {
  TRY(check_batch(model_, inner_, batch, 1));
  return without_exceptions([&]() -> Result<std::vector<float>> {
    std::vector<float> values(batch.tokens.size() * model_.vocab_size);
    float* out = values.data();
    for_parts(batch, options_.micro_batch, [&](const TokenBatch& part, bool) {
      backend_->logits(part, out);
      out += part.tokens.size() * model_.vocab_size;
    });
    return values;
  });
}

Result<std::vector<uint32_t>> Engine::generate(std::span<const uint32_t> prompt,
                                               const GenerationOptions& options) {
  std::vector<uint32_t> made;
  TRY(generate_each(prompt, options, [&](const GeneratedToken& token) {
    made.push_back(token.id);
    return true;
  }));
  return made;
}

Status Engine::generate_each(std::span<const uint32_t> prompt, const GenerationOptions& options,
                             const std::function<bool(const GeneratedToken&)>& on_token) {
  TRY(check_generation(model_, prompt, options));
  return without_exceptions([&]() -> Status {
    std::vector<uint32_t> tokens(prompt.begin(), prompt.end());
    Sampler sampler(options);
    for (int64_t made = 0; made < options.max_new_tokens; ++made) {
      const size_t length = std::min<size_t>(tokens.size(), inner_.sequence_length);
      const std::span<const float> logits = backend_->next_logits(std::span(tokens).last(length));
      tokens.push_back(sampler.draw(logits));
      if (!on_token({tokens.back(), log_probability(logits, tokens.back())})) break;
    }
    return {};
  });
}

Result<OptimiserState> Engine::optimiser_state() {
  TRY(check_trains());
  return without_exceptions(
      [&]() -> Result<OptimiserState> { return OptimiserState{backend_->moments(), updates_}; });
}

Status Engine::edit_optimiser_state(const std::function<Status(OptimiserState&)>& edit) {
  TRY_ASSIGN(OptimiserState state, optimiser_state());
  return without_exceptions([&]() -> Status {
    Status edited = edit(state);
    backend_->take_moments();
    updates_ = state.updates;
    return edited;
  });
}

}  // namespace templar
