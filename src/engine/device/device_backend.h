// A device's backend, whatever does its operations. Parameters, gradients and moments live on the device;
// what is seen of them in the host's memory are copies, brought over when they are asked for.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/backend.h"
#include "engine/device/device_transformer.h"

namespace templar {

template <typename Scalar>
class DeviceBackend final : public Backend {
 public:
  // The specs and options have been checked, the device has the memory. Throws BackendFailure,
  // std::bad_alloc.
  DeviceBackend(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options,
                std::unique_ptr<Operations<Scalar>> operations);

  [[nodiscard]] ParameterBuffers& parameters() override { return on_host(parameters_); }
  void take_parameters() override;
  [[nodiscard]] StateTree state_tree() override;
  [[nodiscard]] ParameterBuffers& gradients() override { return on_host(gradients_); }
  [[nodiscard]] std::vector<Moment> moments() override;
  void take_moments() override;

  void add_gradient(const TokenBatch& part, float scale, bool first) override;
  [[nodiscard]] GradientSum gradient_sum() override;
  void update(const OptimiserStep& step) override;
  void add_loss(const TokenBatch& part, bool first) override;
  [[nodiscard]] double loss_sum() override;
  void logits(const TokenBatch& part, float* out) override;
  [[nodiscard]] std::vector<ContinuationScore> score(std::span<const ScoredSequence> sequences) override;
  [[nodiscard]] std::span<const float> next_logits(std::span<const uint32_t> tokens) override;

  [[nodiscard]] Operations<Scalar>& operations() { return *operations_; }

 private:
  // One set of values of the layout: the device's, and the host's copy once somebody asked for it.
  struct Values {
    float* device = nullptr;
    std::optional<ParameterBuffers> host;
    bool host_is_current = false;
  };
  [[nodiscard]] ParameterBuffers& on_host(Values& values);
  void take_from_host(Values& values);
  // Its probability and greediness, added to the sequences' scores.
  void score_group(std::span<const ScoredSequence> sequences, std::span<const size_t> group, int64_t length,
                   std::vector<ContinuationScore>& scores);

  InnerSpec inner_;
  int64_t most_rows_;  // tokens of a part
  ParameterLayout layout_;
  int64_t count_;  // of all parameters
  std::unique_ptr<Operations<Scalar>> operations_;
  Values parameters_;
  Values gradients_;  // of an engine that trains, as are the moments
  Values first_moment_;
  Values second_moment_;
  Scalar* rounded_ = nullptr;  // the parameters as matrix products read them; null in f32
  double* numbers_ = nullptr;  // on the device: the loss, the gradient's squared norm
  typename DeviceTransformer<Scalar>::Weights weights_;
  typename DeviceTransformer<Scalar>::Gradients gradient_tensors_;
  std::optional<DeviceTransformer<Scalar>> transformer_;
  std::vector<float> next_logits_;
};

// An engine with these operations, made after checks of the specs; the caller has checked the memory. Fails
// (fatal) as make_cuda_engine does.
template <typename Scalar>
[[nodiscard]] Result<std::unique_ptr<Engine>> make_device_engine(
    const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options,
    std::unique_ptr<Operations<Scalar>> operations);

}  // namespace templar
