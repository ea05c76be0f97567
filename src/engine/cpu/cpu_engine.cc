#include "engine/cpu/cpu_engine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <dnnl.hpp>
#include <new>

#include "base/check.h"
#include "base/log/log.h"
#include "engine/cpu/adamw.h"
#include "engine/model/batch_checks.h"

namespace templar {
namespace {

constexpr size_t kUpdateGrain = 4096;
constexpr int64_t kMaxThreads = 1024;

// Tensors of model_tensors() join neighbours of the canonical order, so their values must lie side by side.
float* whole_storage(ParameterSpans spans) {
  for (size_t i = 1; i < spans.size(); ++i)
    CHECK(spans[i].data() == spans[i - 1].data() + spans[i - 1].size());
  return spans.front().data();
}

// oneDNN throws when it cannot make a kernel for a shape or has no memory: that ends here.
template <typename Work>
auto without_exceptions(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const dnnl::error& error) {
    return fatal_error(fmt::format("the engine's matrix product failed: {} (oneDNN status {})", error.what(),
                                   static_cast<int>(error.status)));
  } catch (const std::bad_alloc&) {
    return fatal_error("the engine ran out of memory");
  }
}

}  // namespace

template <typename Scalar>
CpuEngine<Scalar>::CpuEngine(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options)
    : model_(model),
      inner_(inner),
      options_(options),
      layout_(parameter_layout(model)),
      count_(parameter_count(layout_)),
      parameters_(layout_),
      gradients_(layout_),
      first_moment_(layout_),
      second_moment_(layout_),
      team_(options.threads),
      transformer_(model, options.micro_batch, inner.sequence_length, team_, profile_),
      decoder_(model, inner.sequence_length) {
  float* values = whole_storage(parameters_.spans());
  if constexpr (std::is_same_v<Scalar, float>) {
    weights_ = model_tensors<const float, const float>(model, layout_, values, values);
  } else {
    rounded_ = AlignedBuffer<Bf16>(count_);
    weights_ = model_tensors<const Bf16, const float>(model, layout_, rounded_.data(), values);
  }
  float* gradients = whole_storage(gradients_.spans());
  gradient_tensors_ = model_tensors<float, float>(model, layout_, gradients, gradients);
}

template <typename Scalar>
void CpuEngine<Scalar>::parameters_changed() {
  decoder_.forget();
  const float* values = parameters_.spans().front().data();
  if (rounded_.size() == 0) return;
  team_.for_ranges(count_, kUpdateGrain,
                   [&](size_t begin, size_t end) { round_to_bf16(values, rounded_.data(), begin, end); });
}

template <typename Scalar>
auto CpuEngine<Scalar>::gradient_of(const TokenBatch& batch) -> Result<Gradient> {
  TRY(check_batch(model_, inner_, batch, 2));
  return without_exceptions([&]() -> Result<Gradient> {
    const int64_t predicted = batch.batch * (batch.sequence - 1);
    const auto scale = static_cast<float>(1.0 / static_cast<double>(predicted));
    double loss = 0;
    for (int64_t row = 0; row < batch.batch; row += options_.micro_batch) {
      const TokenBatch part = part_of_batch(batch, row, options_.micro_batch);
      transformer_.forward(weights_, part);
      loss += transformer_.backward(weights_, gradient_tensors_, part, scale, row > 0);
    }
    Gradient gradient{loss / static_cast<double>(predicted), 0};
    const PartTimer timer(profile_, StepPart::kOptimiser);
    gradient.norm = l2_norm(team_, gradients_.spans().front().data(), count_);
    if (!std::isfinite(gradient.loss) || !std::isfinite(gradient.norm)) {
      return skip_error(fmt::format("the loss ({}) or the norm of its gradient ({}) is not finite",
                                    gradient.loss, gradient.norm));
    }
    return gradient;
  });
}

template <typename Scalar>
Result<double> CpuEngine<Scalar>::compute_gradients(const TokenBatch& batch) {
  TRY_ASSIGN(const Gradient gradient, gradient_of(batch));
  return gradient.loss;
}

template <typename Scalar>
Result<TrainStepReport> CpuEngine<Scalar>::train_step(const TokenBatch& batch, double learning_rate) {
  TRY_ASSIGN(const Gradient gradient, gradient_of(batch));
  apply_adamw(learning_rate, gradient.norm);
  return TrainStepReport{gradient.loss, gradient.norm, learning_rate};
}

template <typename Scalar>
void CpuEngine<Scalar>::apply_adamw(double learning_rate, double gradient_norm) {
  const PartTimer timer(profile_, StepPart::kOptimiser);
  decoder_.forget();
  AdamwUpdate update = adamw_factors(inner_, learning_rate, ++updates_, clip_factor(inner_, gradient_norm));
  update.parameters = parameters_.spans().front().data();
  update.parameters_bf16 = rounded_.data();
  update.gradients = gradients_.spans().front().data();
  update.first_moment = first_moment_.spans().front().data();
  update.second_moment = second_moment_.spans().front().data();
  team_.for_ranges(count_, kUpdateGrain, [&](size_t begin, size_t end) { adamw_update(update, begin, end); });
}

template <typename Scalar>
Result<EvaluationReport> CpuEngine<Scalar>::evaluate(const TokenBatch& batch) {
  TRY(check_batch(model_, inner_, batch, 2));
  return without_exceptions([&]() -> Result<EvaluationReport> {
    EvaluationReport report{0, batch.batch * (batch.sequence - 1)};
    for (int64_t row = 0; row < batch.batch; row += options_.micro_batch) {
      const TokenBatch part = part_of_batch(batch, row, options_.micro_batch);
      transformer_.forward(weights_, part);
      report.loss_sum += transformer_.loss_sum(weights_, part);
    }
    return report;
  });
}

template <typename Scalar>
Result<std::vector<ContinuationScore>> CpuEngine<Scalar>::score_continuations(
    std::span<const ScoredSequence> sequences) {
  TRY(check_sequences(model_, inner_, sequences));
  return without_exceptions([&]() -> Result<std::vector<ContinuationScore>> {
    std::vector<ContinuationScore> scores(sequences.size());
    const std::vector<size_t> order = tree_order(sequences);
    const int64_t rows = options_.micro_batch * inner_.sequence_length;
    for (size_t first = 0; first < order.size();) {
      const size_t count = fitting_sequences(sequences, order, first, rows);
      const TokenTree tree = make_token_tree(sequences, std::span(order).subspan(first, count));
      const auto probabilities = transformer_.predict(weights_, tree);
      for (size_t i = 0; i < probabilities.size(); ++i) {
        ContinuationScore& score = scores[tree.predictions[i].sequence];
        score.log_probability += probabilities[i].log_probability;
        score.greedy = score.greedy && probabilities[i].greedy;
        ++score.tokens;
      }
      first += count;
    }
    return scores;
  });
}

template <typename Scalar>
Result<std::vector<float>> CpuEngine<Scalar>::logits(const TokenBatch& batch) {
  TRY(check_batch(model_, inner_, batch, 1));
  return without_exceptions([&]() -> Result<std::vector<float>> {
    std::vector<float> values(batch.tokens.size() * model_.vocab_size);
    float* out = values.data();
    for (int64_t row = 0; row < batch.batch; row += options_.micro_batch) {
      const TokenBatch part = part_of_batch(batch, row, options_.micro_batch);
      transformer_.forward(weights_, part);
      const int64_t tokens = part.batch * part.sequence;
      transformer_.logits(weights_, 0, tokens, out);
      out += tokens * model_.vocab_size;
    }
    return values;
  });
}

template <typename Scalar>
Result<std::vector<uint32_t>> CpuEngine<Scalar>::generate(std::span<const uint32_t> prompt,
                                                          const GenerationOptions& options) {
  std::vector<uint32_t> made;
  TRY(generate_each(prompt, options, [&](const GeneratedToken& token) {
    made.push_back(token.id);
    return true;
  }));
  return made;
}

template <typename Scalar>
Status CpuEngine<Scalar>::generate_each(std::span<const uint32_t> prompt, const GenerationOptions& options,
                                        const std::function<bool(const GeneratedToken&)>& on_token) {
  TRY(check_generation(model_, prompt, options));
  return without_exceptions([&]() -> Status {
    std::vector<uint32_t> tokens(prompt.begin(), prompt.end());
    Sampler sampler(options);
    for (int64_t made = 0; made < options.max_new_tokens; ++made) {
      const size_t length = std::min<size_t>(tokens.size(), inner_.sequence_length);
      const std::span<const float> logits =
          decoder_.next_logits(transformer_, weights_, std::span(tokens).last(length));
      tokens.push_back(sampler.draw(logits));
      if (!on_token({tokens.back(), log_probability(logits, tokens.back())})) break;
    }
    return {};
  });
}

template <typename Scalar>
OptimiserState CpuEngine<Scalar>::optimiser_state() {
  const auto copy = [](ParameterSpans spans) {
    return std::vector<std::span<float>>(spans.begin(), spans.end());
  };
  return {copy(first_moment_.spans()), copy(second_moment_.spans()), &updates_};
}

template class CpuEngine<float>;
template class CpuEngine<Bf16>;

namespace {

template <typename Scalar>
Status check_memory(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options) {
  const int64_t parameters =
      parameter_count(parameter_layout(model)) * static_cast<int64_t>(4 * sizeof(float) + sizeof(Bf16));
  const int64_t needed =
      parameters + Transformer<Scalar>::memory_bytes(model, options.micro_batch, inner.sequence_length);
  const int64_t installed = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (needed <= installed) return {};
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  return fatal_error(fmt::format(
      "training this model takes {:.1f} GiB, the machine has {:.1f}; a smaller micro_batch than {} "
      "takes less",
      static_cast<double>(needed) / kGib, static_cast<double>(installed) / kGib, options.micro_batch));
}

template <typename Scalar>
Result<std::unique_ptr<Engine>> make(const ModelSpec& model, const InnerSpec& inner,
                                     const EngineOptions& options) {
  TRY(check_memory<Scalar>(model, inner, options));
  return without_exceptions([&]() -> Result<std::unique_ptr<Engine>> {
    return std::make_unique<CpuEngine<Scalar>>(model, inner, options);
  });
}

}  // namespace

Result<std::unique_ptr<Engine>> make_cpu_engine(const ModelSpec& model, const InnerSpec& inner,
                                                const EngineOptions& options) {
  TRY(check_model(model, inner));
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return fatal_error(fmt::format("the engine can't work with {} threads", options.threads));
  }
  TRY(check_micro_batch(options.micro_batch, inner));
  if (options.precision == Precision::kBf16) {
    if (MatrixProducts::supports_bf16()) return make<Bf16>(model, inner, options);
    log(LogLevel::kWarning, "engine", "this processor has no bf16 matrix products: computing in f32");
  }
  return make<float>(model, inner, options);
}

}  // namespace templar
