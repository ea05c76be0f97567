// The processor's backend. Apart from make_cpu_engine, for this room's own tests and the benchmark of
// training only.
#pragma once

#include <optional>
#include <vector>

#include "engine/backend.h"
#include "engine/cpu/cpu_optimiser.h"
#include "engine/cpu/decoder.h"
#include "engine/cpu/profile.h"
#include "engine/cpu/transformer.h"

namespace templar {

template <typename Scalar>
class CpuBackend final : public Backend {
 public:
  // The specs and options have been checked; throws std::bad_alloc.
  CpuBackend(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options);

  [[nodiscard]] ParameterBuffers& parameters() override { return parameters_; }
  void take_parameters() override;
  [[nodiscard]] StateTree state_tree() override;
  [[nodiscard]] ParameterBuffers& gradients() override { return *gradients_; }
  [[nodiscard]] std::vector<Moment> moments() override { return optimiser_->moments(); }
  void take_moments() override {}

  void add_gradient(const TokenBatch& part, float scale, bool first) override;
  [[nodiscard]] GradientSum gradient_sum() override;
  void update(const OptimiserStep& step) override;
  void add_loss(const TokenBatch& part, bool first) override;
  [[nodiscard]] double loss_sum() override { return loss_sum_; }
  void logits(const TokenBatch& part, float* out) override;
  [[nodiscard]] std::vector<ContinuationScore> score(std::span<const ScoredSequence> sequences) override;
  [[nodiscard]] std::span<const float> next_logits(std::span<const uint32_t> tokens) override;

  [[nodiscard]] Profile& profile() { return profile_; }

 private:
  ModelSpec model_;
  int64_t sequence_length_;
  int64_t most_rows_;  // tokens of a part
  ParameterLayout layout_;
  size_t count_;  // of all parameters
  ParameterBuffers parameters_;
  std::optional<ParameterBuffers> gradients_;  // of an engine that trains, as is the optimiser
  std::optional<CpuOptimiser<Scalar>> optimiser_;
  AlignedBuffer<Bf16> rounded_;  // the parameters as matrix products read them; empty in f32
  double loss_sum_ = 0;          // of the batch's parts so far
  typename Transformer<Scalar>::Weights weights_;
  typename Transformer<Scalar>::Gradients gradient_tensors_;
  ThreadTeam team_;
  Profile profile_;
  Transformer<Scalar> transformer_;
  std::optional<Decoder<Scalar>> decoder_;  // made when the first text is generated
};

}  // namespace templar
