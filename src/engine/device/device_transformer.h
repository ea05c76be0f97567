// A Llama-family decoder's forward pass and its hand-written backward pass on a device, over a part of a
// batch that fits its memory. The residual stream and its gradient have the type of the matrix products'
// operands; norms, softmaxes, sums, the parameters' gradients and logits are f32.
#pragma once

#include <span>
#include <vector>

#include "engine/device/device_memory.h"
#include "engine/device/operations.h"
#include "engine/model/model_tensors.h"

namespace templar {

// Scalar: float or DeviceBf16. Not thread-safe.
template <typename Scalar>
class DeviceTransformer {
 public:
  using Weights = ModelTensors<const Scalar, const float>;
  using Gradients = ModelTensors<float, float>;

  // Allocates the activations that device_engine_memory() counts, for micro-batches of options.micro_batch
  // sequences of max_sequence tokens. The operations outlive it.
  DeviceTransformer(const ModelSpec& model, int64_t max_sequence, const EngineOptions& options,
                    Operations<Scalar>& operations);

  // Runs all layers; what follows reads the activations it leaves.
  void forward(const Weights& weights, const TokenBatch& batch);

  // After forward: total = the sum of the cross-entropies of each token but a sequence's first, in nats,
  // added to total, a number on the device, with add.
  void loss_sum(const Weights& weights, const TokenBatch& batch, double* total, bool add);
  // The same, and the gradients of `scale` times that sum, written or, with accumulate, added.
  void backward(const Weights& weights, const Gradients& gradients, const TokenBatch& batch, float scale,
                bool accumulate, double* total);

  // After forward: logits [rows.size(), vocab] of these tokens of the batch, to host memory.
  void logits(const Weights& weights, std::span<const uint32_t> rows, float* host_out);

  // After forward: how probable each target is after its row's token; as many as the memory has rows at most.
  struct Likelihood {
    double log_probability = 0;  // nats
    bool greedy = false;         // the most probable token; of equal ones the lowest
  };
  [[nodiscard]] std::vector<Likelihood> likelihoods(const Weights& weights, std::span<const uint32_t> rows,
                                                    std::span<const uint32_t> targets);

 private:
  struct Layer {
    Scalar* x = nullptr;  // [tokens, hidden], what enters the layer
    float* inverse_rms = nullptr;
    Scalar* normed = nullptr;
    Scalar* qkv = nullptr;  // queries and keys rotated
    Scalar* attended = nullptr;
    float* log_sums = nullptr;
    Scalar* x_middle = nullptr;  // after the attention's residual addition
    float* inverse_rms_middle = nullptr;
    Scalar* normed_middle = nullptr;
    Scalar* gate_up = nullptr;  // its own gradient in the backward pass
    Scalar* activated = nullptr;
  };
  template <typename T>
  [[nodiscard]] T* allocate(int64_t count) {
    return static_cast<T*>(operations_.allocate(count * static_cast<int64_t>(sizeof(T))));
  }
  void allocate_inside(Layer& layer);
  void allocate_backward();
  [[nodiscard]] DeviceAttentionShape shape_of(const TokenBatch& batch) const;
  void norm(const Scalar* x, const float* weight, Scalar* normed, float* inverse_rms, int64_t rows);
  void norm_gradient(const Scalar* x, const float* inverse_rms, const float* weight, bool add,
                     float* d_weight, int64_t rows, bool accumulate);
  // Computes the layer up to the activated values of its MLP. What is left for the next layer is to add the
  // down product to x_middle.
  void layer_inside(const LayerTensors<const Scalar, const float>& weights, const Layer& layer,
                    const TokenBatch& batch);
  void mlp_backward(const LayerTensors<const Scalar, const float>& weights,
                    const LayerTensors<float, float>& gradients, const Layer& layer, int64_t rows,
                    bool accumulate);
  void attention_backward(const LayerTensors<const Scalar, const float>& weights,
                          const LayerTensors<float, float>& gradients, const Layer& layer,
                          const TokenBatch& batch, bool accumulate);
  void upload_targets(const TokenBatch& batch);
  void head(const Weights& weights, const Gradients* gradients, int64_t rows, float scale, bool accumulate);
  void embedding_gradient(const Gradients& gradients, const TokenBatch& batch, bool accumulate);

  ModelSpec model_;
  bool recompute_;
  int64_t qkv_width_;
  int64_t rows_;  // that the memory has
  int64_t head_rows_;
  int64_t logit_row_;
  Operations<Scalar>& operations_;

  std::vector<Layer> layers_;
  Scalar* x_final_ = nullptr;
  Scalar* normed_final_ = nullptr;
  float* inverse_rms_final_ = nullptr;
  Scalar* d_x_ = nullptr;          // [tokens, hidden], the residual stream's gradient
  Scalar* d_normed_ = nullptr;     // [tokens, hidden]; [tokens, query width]: the attention's output's
  Scalar* d_qkv_ = nullptr;        // [tokens, qkv width]
  Scalar* d_activated_ = nullptr;  // [tokens, intermediate]
  float* norm_partials_ = nullptr;
  float* logits_ = nullptr;     // [head_rows, vocab], logit_row apart
  Scalar* d_logits_ = nullptr;  // the same; float: lies in logits_
  uint32_t* tokens_ = nullptr;
  uint32_t* targets_ = nullptr;  // also the rows to be gathered
  uint32_t* order_ = nullptr;    // of EmbeddingBackward, as are the next two
  uint32_t* begins_ = nullptr;
  uint32_t* ids_ = nullptr;
  double* losses_ = nullptr;
  uint8_t* greedy_ = nullptr;
  float* cosines_ = nullptr;
  float* sines_ = nullptr;
};

}  // namespace templar
