#include "engine/cpu/cpu_backend.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/log/log.h"
#include "engine/cpu/kernels/adamw.h"
#include "engine/cpu/kernels/fixed_order_products.h"
#include "engine/model/engine_memory.h"

namespace templar {
namespace {

constexpr size_t kRoundGrain = 4096;
constexpr int64_t kMaxThreads = 1024;

}  // namespace

template <typename Scalar>
CpuBackend<Scalar>::CpuBackend(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options)
    : model_(model),
      sequence_length_(inner.sequence_length),
      most_rows_(options.micro_batch * inner.sequence_length),
      layout_(parameter_layout(model)),
      count_(parameter_count(layout_)),
      parameters_(layout_),
      team_(options.threads),
      transformer_(model, activation_shape(inner, options), sum_order(options.precision), team_, profile_) {
  float* values = parameters_.data();
  if constexpr (std::is_same_v<Scalar, float>) {
    weights_ = model_tensors<const float, const float>(model, layout_, values, values);
  } else {
    rounded_ = AlignedBuffer<Bf16>(count_);
    weights_ = model_tensors<const Bf16, const float>(model, layout_, rounded_.data(), values);
  }
  if (options.use == EngineUse::kEvaluating) return;
  gradients_.emplace(layout_);
  optimiser_.emplace(inner, layout_);
  gradient_tensors_ = model_tensors<float, float>(model, layout_, gradients_->data(), gradients_->data());
}

template <typename Scalar>
void CpuBackend<Scalar>::take_parameters() {
  if (decoder_) decoder_->forget();
  if (rounded_.size() == 0) return;
  team_.for_ranges(count_, kRoundGrain, [&](size_t begin, size_t end) {
    round_to_bf16(parameters_.data(), rounded_.data(), begin, end);
  });
}

template <typename Scalar>
StateTree CpuBackend<Scalar>::state_tree() {
  return compute_state_tree(layout_, std::as_const(parameters_).spans(), team_);
}

template <typename Scalar>
void CpuBackend<Scalar>::add_gradient(const TokenBatch& part, float scale, bool first) {
  transformer_.forward(weights_, part);
  const double loss = transformer_.backward(weights_, gradient_tensors_, part, scale, !first);
  loss_sum_ = first ? loss : loss_sum_ + loss;
}

template <typename Scalar>
auto CpuBackend<Scalar>::gradient_sum() -> GradientSum {
  const PartTimer timer(profile_, StepPart::kOptimiser);
  return {loss_sum_, l2_norm(team_, gradients_->data(), count_)};
}

template <typename Scalar>
void CpuBackend<Scalar>::update(const OptimiserStep& step) {
  const PartTimer timer(profile_, StepPart::kOptimiser);
  if (decoder_) decoder_->forget();
  Bf16* rounded = rounded_.size() == 0 ? nullptr : rounded_.data();
  optimiser_->update(step, {parameters_.data(), rounded, gradients_->data()}, team_, transformer_.products());
}

template <typename Scalar>
void CpuBackend<Scalar>::add_loss(const TokenBatch& part, bool first) {
  transformer_.forward(weights_, part);
  const double loss = transformer_.loss_sum(weights_, part);
  loss_sum_ = first ? loss : loss_sum_ + loss;
}

template <typename Scalar>
void CpuBackend<Scalar>::logits(const TokenBatch& part, float* out) {
  transformer_.forward(weights_, part);
  transformer_.logits(weights_, 0, part.batch * part.sequence, out);
}

template <typename Scalar>
std::vector<ContinuationScore> CpuBackend<Scalar>::score(std::span<const ScoredSequence> sequences) {
  std::vector<ContinuationScore> scores(sequences.size());
  const std::vector<size_t> order = tree_order(sequences);
  for (size_t first = 0; first < order.size();) {
    const size_t count = fitting_sequences(sequences, order, first, most_rows_);
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
}

template <typename Scalar>
std::span<const float> CpuBackend<Scalar>::next_logits(std::span<const uint32_t> tokens) {
  if (!decoder_) decoder_.emplace(model_, sequence_length_);
  return decoder_->next_logits(transformer_, weights_, tokens);
}

template class CpuBackend<float>;
template class CpuBackend<Bf16>;

namespace {

template <typename Scalar>
EngineMemory memory_of(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options) {
  const ParameterLayout layout = parameter_layout(model);
  const int64_t parameters = parameter_count(layout);
  EngineMemory memory;
  memory.add("parameters, f32", parameters * 4);
  if constexpr (!std::is_same_v<Scalar, float>) memory.add("parameters rounded to bf16", parameters * 2);
  if (options.use == EngineUse::kTraining) {
    memory.add("gradients, f32", parameters * 4);
    memory.add("the optimiser's moments, f32", CpuOptimiser<Scalar>::moment_bytes(inner, layout));
    memory.add("the optimiser's working memory", CpuOptimiser<Scalar>::working_bytes(inner, layout));
  }
  memory.add("working memory of matrix products",
             MatrixProducts::memory_bytes(sum_order(options.precision), options.threads));
  memory.add("activations",
             Transformer<Scalar>::memory_bytes(model, activation_shape(inner, options), options.threads));
  return memory;
}

template <typename Scalar>
Result<std::unique_ptr<Engine>> make(const ModelSpec& model, const InnerSpec& inner,
                                     const EngineOptions& options) {
  const int64_t installed = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  TRY(memory_of<Scalar>(model, inner, options).check_fits(installed, "the machine has", options));
  try {
    return std::make_unique<Engine>(model, inner, options,
                                    std::make_unique<CpuBackend<Scalar>>(model, inner, options));
  } catch (const std::bad_alloc&) {
    return fatal_error("the engine ran out of memory");
  }
}

}  // namespace

EngineMemory cpu_engine_memory(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options) {
  const bool in_bf16 = options.precision == Precision::kBf16 && MatrixProducts::supports_bf16();
  return in_bf16 ? memory_of<Bf16>(model, inner, options) : memory_of<float>(model, inner, options);
}

Result<std::unique_ptr<Engine>> make_cpu_engine(const ModelSpec& model, const InnerSpec& inner,
                                                const EngineOptions& options) {
  TRY(check_engine(model, inner, options));
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return fatal_error(fmt::format("the engine can't work with {} threads", options.threads));
  }
  if (options.precision == Precision::kBf16) {
    if (MatrixProducts::supports_bf16()) return make<Bf16>(model, inner, options);
    log(LogLevel::kWarning, "engine", "this processor has no bf16 matrix products: computing in f32");
  }
  if (options.precision == Precision::kF32Deterministic && !FixedOrderProducts::supported()) {
    return fatal_error(
        "f32-deterministic needs fused multiply-adds, which this processor lacks (AVX2 brings them): take "
        "f32 "
        "or bf16");
  }
  return make<float>(model, inner, options);
}

}  // namespace templar
