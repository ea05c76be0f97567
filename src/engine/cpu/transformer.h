// A Llama-family decoder's forward pass and its hand-written backward pass over a part of a batch that fits
// its memory.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/cpu/kernels/aligned_buffer.h"
#include "engine/cpu/kernels/attention.h"
#include "engine/cpu/kernels/matmul.h"
#include "engine/cpu/kernels/row_likelihood.h"
#include "engine/cpu/profile.h"
#include "engine/engine.h"
#include "engine/model/model_tensors.h"
#include "engine/text/token_tree.h"

namespace templar {

// Which activations there is room for.
struct ActivationShape {
  int64_t max_batch = 0;     // sequences of a pass
  int64_t max_sequence = 0;  // tokens of each
  bool backward = true;      // there is a backward pass
  bool recompute = false;    // the backward pass computes a layer's activations again from what enters it

  [[nodiscard]] int64_t rows() const { return max_batch * max_sequence; }
  // Whether each layer keeps its own activations, or at least what enters it.
  [[nodiscard]] bool keeps_layers() const { return backward && !recompute; }
};
[[nodiscard]] ActivationShape activation_shape(const InnerSpec& inner, const EngineOptions& options);
[[nodiscard]] SumOrder sum_order(Precision precision);

// Scalar: the type of stored activations and of the operands of matrix products, float or Bf16. The residual
// stream, norms, softmaxes, gradients and sums are f32 in either case. Not thread-safe; shares out its work
// among the team.
template <typename Scalar>
class Transformer {
 public:
  using Weights = ModelTensors<const Scalar, const float>;
  using Gradients = ModelTensors<float, float>;

  // All its memory is allocated here and never again. kFixed: of float alone, where it is supported.
  Transformer(const ModelSpec& model, const ActivationShape& shape, SumOrder order, ThreadTeam& team,
              Profile& profile);
  // What a transformer that works with that many threads allocates.
  [[nodiscard]] static int64_t memory_bytes(const ModelSpec& model, const ActivationShape& shape,
                                            int threads);

  // Called with each layer's number and its queries, keys and values before rotation, [tokens, (heads + 2
  // kv_heads)·head_dim].
  using WatchLayer = std::function<void(int64_t layer, const Scalar* qkv)>;
  // Runs all layers; what follows reads the activations it leaves.
  void forward(const Weights& weights, const TokenBatch& batch, const WatchLayer& watch = {});

  // After forward: the sum of the cross-entropies of each token but a sequence's first, in nats.
  [[nodiscard]] double loss_sum(const Weights& weights, const TokenBatch& batch);

  // After forward: the same, and the gradients of `scale` times that sum, written or, with accumulate, added.
  [[nodiscard]] double backward(const Weights& weights, const Gradients& gradients, const TokenBatch& batch,
                                float scale, bool accumulate);

  // After forward: logits [row_end − row_begin, vocab] of some of the batch's tokens, row_length apart (0:
  // side by side).
  void logits(const Weights& weights, int64_t row_begin, int64_t row_end, float* out, int64_t row_length = 0);

  // The probabilities of a tree's predictions, in their order; the tree's tokens and its longest way down
  // must fit the memory. The rest of the tree changes a probability by no more than the rounding of matrix
  // products.
  struct TokenProbability {
    double log_probability = 0;  // nats
    bool greedy = false;         // the most probable token; of equal ones the lowest
  };
  [[nodiscard]] std::vector<TokenProbability> predict(const Weights& weights, const TokenTree& tree);

  [[nodiscard]] const RopeTable& rope() const { return rope_; }
  [[nodiscard]] MatrixProducts& products() { return products_; }

 private:
  // A layer's activations besides what enters it.
  struct LayerActivations {
    AlignedBuffer<float> inverse_rms;
    AlignedBuffer<Scalar> qkv;
    AlignedBuffer<Scalar> attended;
    AlignedBuffer<float> log_sums;
    AlignedBuffer<float> x_middle;  // after the attention's residual addition
    AlignedBuffer<float> inverse_rms_middle;
    AlignedBuffer<Scalar> gate_up;
  };
  struct Buffers {
    std::vector<AlignedBuffer<float>> x;   // what enters a layer; one for all where none is kept
    std::vector<LayerActivations> layers;  // the same
    AlignedBuffer<float> x_final;
    AlignedBuffer<float> inverse_rms_final;
    // Used by one step after the other.
    AlignedBuffer<Scalar> normed;  // [tokens, hidden], what the last norm gave
    // [tokens, hidden], what a block adds to the residual stream; in the backward pass [tokens, query width],
    // the gradient of the attention's output.
    AlignedBuffer<Scalar> projected;
    AlignedBuffer<Scalar> activated;  // [tokens, intermediate]
    AlignedBuffer<float> logits;      // [head_rows, vocab], padded_row(vocab) apart
    AlignedBuffer<int64_t> targets;
    AlignedBuffer<double> losses;
    // [tokens, hidden]: the gradient of normed; rows gathered for predictions.
    AlignedBuffer<Scalar> d_normed;
    // Of the backward pass alone.
    AlignedBuffer<float> d_x;           // [tokens, hidden], the residual stream's gradient
    AlignedBuffer<Scalar> d_x_scalar;   // the same for matrix products
    AlignedBuffer<Scalar> d_activated;  // [tokens, intermediate]
    AlignedBuffer<Scalar> d_qkv;        // [tokens, qkv width]
    AlignedBuffer<float> norm_partials;
    AlignedBuffer<Scalar> d_logits;  // [head_rows, vocab]; float: lies in logits

    // Calls visit(buffer, its count of elements) for each: what allocates and what counts is one list.
    template <typename Visit>
    void visit_all(const ModelSpec& model, const ActivationShape& shape, const Visit& visit);
  };
  [[nodiscard]] AttentionShape attention_shape(const TokenBatch& batch) const;
  void for_rows(int64_t rows, const std::function<void(int64_t begin, int64_t end)>& work);
  void for_attention_units(const AttentionShape& shape,
                           const std::function<void(int64_t unit, AttentionScratch&)>& work);
  void norm_forward(const float* x, const Scalar* delta, float* x_out, const float* weight,
                    float* inverse_rms, int64_t rows);
  void norm_backward(const float* x, const float* inverse_rms, const float* weight, bool with_residual,
                     float* d_weight, int64_t rows, bool accumulate);
  [[nodiscard]] LayerActivations& layer(size_t index) { return b_.layers[b_.layers.size() > 1 ? index : 0]; }
  [[nodiscard]] float* entering(size_t index) { return b_.x[b_.x.size() > 1 ? index : 0].data(); }
  // From a layer's qkv to its attended.
  using Attend = std::function<void(LayerActivations&)>;
  [[nodiscard]] Attend attend_batch(const TokenBatch& batch);
  void forward_rows(const Weights& weights, std::span<const uint32_t> tokens, const Attend& attend,
                    const WatchLayer& watch = {});
  void layer_inside(const Weights& weights, size_t index, int64_t rows, const Attend& attend);
  void recompute_layer(const Weights& weights, size_t index, int64_t rows, const Attend& attend);
  void attend_tree(const TokenTree& tree, LayerActivations& layer);
  void predict_rows(const Weights& weights, std::span<const TokenTree::Prediction> predictions,
                    std::span<TokenProbability> out);
  void gather_normed(std::span<const int64_t> rows);
  void mlp_backward(const LayerTensors<const Scalar, const float>& weights,
                    const LayerTensors<float, float>& gradients, LayerActivations& layer, int64_t rows,
                    bool accumulate);
  void attention_block_backward(const LayerTensors<const Scalar, const float>& weights,
                                const LayerTensors<float, float>& gradients, const LayerActivations& layer,
                                const float* entering, const TokenBatch& batch, bool accumulate);
  void set_targets(const TokenBatch& batch);
  double head(const Weights& weights, const Gradients* gradients, int64_t rows, float scale, bool accumulate);
  void product(StepPart part, ProductKind kind, ProductSize size, const Scalar* a, const Scalar* b, auto* c,
               bool accumulate = false, RowLengths lengths = {}) {
    const PartTimer timer(profile_, part);
    products_.multiply(kind, size, a, b, c, accumulate, lengths);
  }

  ModelSpec model_;
  bool recomputes_;
  int64_t qkv_width_;
  int64_t head_rows_;  // rows whose logits are held at once
  ThreadTeam& team_;
  Profile& profile_;
  MatrixProducts products_;
  RopeTable rope_;
  std::vector<AttentionScratch> scratches_;  // one a thread

  Buffers b_;
};

}  // namespace templar
