// The Engine on a device, whatever does its operations. Parameters, gradients and moments live on the device;
// what parameters(), gradients() and optimiser_state() hand out are copies in the host's memory, brought over
// when somebody asks. So spans got before a step don't show what it did: ask again after it, and write only
// into spans got since.
#pragma once

#include <memory>
#include <optional>

#include "core/consensus/state_root.h"
#include "engine/device/device_transformer.h"
#include "engine/engine.h"

namespace templar {

template <typename Scalar>
class DeviceEngine final : public Engine {
 public:
  // The specs and options have been checked, the device has the memory. Throws DeviceFailure, std::bad_alloc.
  DeviceEngine(const ModelSpec& model, const InnerSpec& inner, const DeviceEngineOptions& options,
               std::unique_ptr<Operations<Scalar>> operations);

  [[nodiscard]] const ParameterLayout& layout() const override { return layout_; }
  [[nodiscard]] ParameterSpans parameters() override;
  [[nodiscard]] ConstParameterSpans parameters() const override;
  void parameters_changed() override;
  [[nodiscard]] Result<TrainStepReport> train_step(const TokenBatch& batch, double learning_rate) override;
  [[nodiscard]] Result<double> compute_gradients(const TokenBatch& batch) override;
  [[nodiscard]] ParameterSpans gradients() override;
  [[nodiscard]] Result<EvaluationReport> evaluate(const TokenBatch& batch) override;
  [[nodiscard]] Result<std::vector<ContinuationScore>> score_continuations(
      std::span<const ScoredSequence> sequences) override;
  [[nodiscard]] Result<std::vector<float>> logits(const TokenBatch& batch) override;
  [[nodiscard]] Result<std::vector<uint32_t>> generate(std::span<const uint32_t> prompt,
                                                       const GenerationOptions& options) override;
  [[nodiscard]] Status generate_each(std::span<const uint32_t> prompt, const GenerationOptions& options,
                                     const std::function<bool(const GeneratedToken&)>& on_token) override;
  [[nodiscard]] OptimiserState optimiser_state() override;

  // compute_state_tree of the parameters, hashed where they are: no copy to the host. Fails (fatal) if the
  // device does.
  [[nodiscard]] Result<StateTree> state_tree();

  [[nodiscard]] Operations<Scalar>& operations() { return *operations_; }

 private:
  // One set of values of the layout: the device's, and the host's copy once somebody asked for it.
  struct Values {
    float* device = nullptr;
    std::optional<ParameterBuffers> host;
    bool host_is_current = false;
    bool lent = false;  // the caller may have written to the host's copy
  };
  struct Gradient {
    double loss = 0;
    double norm = 0;
  };
  [[nodiscard]] Result<Gradient> gradient_of(const TokenBatch& batch);
  void fetch(Values& values) const;
  void put(Values& values);
  void put_lent_moments();
  [[nodiscard]] const float* first_host_value(Values& values) const;
  void apply_adamw(double learning_rate, double gradient_norm);
  // Its probability and greediness, added to the sequences' scores.
  void score_group(std::span<const ScoredSequence> sequences, std::span<const size_t> group, int64_t length,
                   std::vector<ContinuationScore>& scores);

  ModelSpec model_;
  InnerSpec inner_;
  DeviceEngineOptions options_;
  ParameterLayout layout_;
  int64_t count_;  // of all parameters
  std::unique_ptr<Operations<Scalar>> operations_;
  mutable Values parameters_;
  Values gradients_;
  Values first_moment_;
  Values second_moment_;
  Scalar* rounded_ = nullptr;  // the parameters as matrix products read them; null in f32
  double* numbers_ = nullptr;  // on the device: the loss, the gradient's squared norm
  int64_t updates_ = 0;
  typename DeviceTransformer<Scalar>::Weights weights_;
  typename DeviceTransformer<Scalar>::Gradients gradient_tensors_;
  std::optional<DeviceTransformer<Scalar>> transformer_;
};

// Fails (fatal) if the plan needs more than that many bytes.
[[nodiscard]] Status check_device_memory(const ModelSpec& model, const InnerSpec& inner,
                                         const DeviceEngineOptions& options, int64_t available_bytes);

// An engine with these operations, made after checks of the specs; the caller has checked the memory. Fails
// (fatal) as make_cuda_engine does.
template <typename Scalar>
[[nodiscard]] Result<std::unique_ptr<DeviceEngine<Scalar>>> make_device_engine(
    const ModelSpec& model, const InnerSpec& inner, const DeviceEngineOptions& options,
    std::unique_ptr<Operations<Scalar>> operations);

}  // namespace templar
