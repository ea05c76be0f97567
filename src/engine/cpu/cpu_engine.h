// The Engine on the CPU. Apart from make_cpu_engine, for this room's benchmark only.
#pragma once

#include <memory>

#include "engine/cpu/decoder.h"
#include "engine/cpu/profile.h"
#include "engine/cpu/transformer.h"
#include "engine/engine.h"

namespace templar {

template <typename Scalar>
class CpuEngine final : public Engine {
 public:
  // The specs and options have been checked; throws std::bad_alloc.
  CpuEngine(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options);

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] ParameterSpans parameters() override { return parameters_.spans(); }
  [[nodiscard]] ConstParameterSpans parameters() const override { return parameters_.spans(); }
  void parameters_changed() override;
  [[nodiscard]] Result<TrainStepReport> train_step(const TokenBatch& batch, double learning_rate) override;
  [[nodiscard]] Result<double> compute_gradients(const TokenBatch& batch) override;
  [[nodiscard]] ParameterSpans gradients() override { return gradients_.spans(); }
  [[nodiscard]] Result<EvaluationReport> evaluate(const TokenBatch& batch) override;
  [[nodiscard]] Result<std::vector<ContinuationScore>> score_continuations(
      std::span<const ScoredSequence> sequences) override;
  [[nodiscard]] Result<std::vector<float>> logits(const TokenBatch& batch) override;
  [[nodiscard]] Result<std::vector<uint32_t>> generate(std::span<const uint32_t> prompt,
                                                       const GenerationOptions& options) override;
  [[nodiscard]] Status generate_each(std::span<const uint32_t> prompt, const GenerationOptions& options,
                                     const std::function<bool(const GeneratedToken&)>& on_token) override;
  [[nodiscard]] OptimiserState optimiser_state() override;

  [[nodiscard]] Profile& profile() { return profile_; }

 private:
  // Loss and norm of the gradient that it leaves in gradients_.
  struct Gradient {
    double loss = 0;
    double norm = 0;
  };
  [[nodiscard]] Result<Gradient> gradient_of(const TokenBatch& batch);
  void apply_adamw(double learning_rate, double gradient_norm);

  ModelSpec model_;
  InnerSpec inner_;
  EngineOptions options_;
  ParameterLayout layout_;
  size_t count_;  // of all parameters
  ParameterBuffers parameters_;
  ParameterBuffers gradients_;
  ParameterBuffers first_moment_;
  ParameterBuffers second_moment_;
  AlignedBuffer<Bf16> rounded_;  // the parameters as matrix products read them; empty in f32
  int64_t updates_ = 0;
  typename Transformer<Scalar>::Weights weights_;
  typename Transformer<Scalar>::Gradients gradient_tensors_;
  ThreadTeam team_;
  Profile profile_;
  Transformer<Scalar> transformer_;
  Decoder<Scalar> decoder_;
};

}  // namespace templar
