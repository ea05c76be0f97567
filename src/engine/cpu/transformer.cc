#include "engine/cpu/transformer.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "engine/cpu/cross_entropy.h"
#include "engine/cpu/embedding.h"
#include "engine/cpu/rms_norm.h"
#include "engine/cpu/swiglu.h"

namespace templar {
namespace {

// Rows per slice of work between matrix products.
constexpr size_t kRowGrain = 16;
// Logits held at once: few enough to stay in a shared cache, enough rows to keep the matrix products
// efficient.
constexpr int64_t kLogitsAtOnce = 4 << 20;
constexpr int64_t kFewestHeadRows = 128;

int64_t head_rows_at_once(const ModelSpec& model, int64_t tokens) {
  const int64_t rows =
      std::max(kFewestHeadRows, kLogitsAtOnce / model.vocab_size / kFewestHeadRows * kFewestHeadRows);
  return std::min(rows, tokens);
}

int64_t qkv_width(const ModelSpec& model) {
  return (model.num_attention_heads + 2 * model.num_key_value_heads) * model.head_dim();
}

int64_t norm_blocks(int64_t rows) {
  return (rows + kNormRowsPerBlock - 1) / kNormRowsPerBlock;
}

}  // namespace

template <typename Scalar>
Transformer<Scalar>::Transformer(const ModelSpec& model, int64_t max_batch, int64_t max_sequence,
                                 ThreadTeam& team, Profile& profile)
    : model_(model),
      qkv_width_(qkv_width(model)),
      head_rows_(head_rows_at_once(model, max_batch * max_sequence)),
      team_(team),
      profile_(profile),
      products_(team),
      rope_(max_sequence, model.head_dim(), model.rope_theta) {
  const size_t rows = max_batch * max_sequence;
  const size_t hidden = model.hidden_size;
  const size_t intermediate = model.intermediate_size;
  const size_t wide = qkv_width_;
  for (int member = 0; member < team.threads(); ++member)
    scratches_.emplace_back(max_sequence, model.head_dim());
  for (int64_t layer = 0; layer < model.num_hidden_layers; ++layer) {
    LayerActivations& activations = layers_.emplace_back();
    activations.x = AlignedBuffer<float>(rows * hidden);
    activations.inverse_rms = AlignedBuffer<float>(rows);
    activations.qkv = AlignedBuffer<Scalar>(rows * wide);
    activations.attended = AlignedBuffer<Scalar>(rows * hidden);
    activations.log_sums = AlignedBuffer<float>(rows * model.num_attention_heads);
    activations.x_middle = AlignedBuffer<float>(rows * hidden);
    activations.inverse_rms_middle = AlignedBuffer<float>(rows);
    activations.gate_up = AlignedBuffer<Scalar>(rows * 2 * intermediate);
  }
  x_final_ = AlignedBuffer<float>(rows * hidden);
  inverse_rms_final_ = AlignedBuffer<float>(rows);
  normed_ = AlignedBuffer<Scalar>(rows * hidden);
  projected_ = AlignedBuffer<Scalar>(rows * hidden);
  activated_ = AlignedBuffer<Scalar>(rows * intermediate);
  d_x_ = AlignedBuffer<float>(rows * hidden);
  d_x_scalar_ = AlignedBuffer<Scalar>(rows * hidden);
  d_normed_ = AlignedBuffer<Scalar>(rows * hidden);
  d_activated_ = AlignedBuffer<Scalar>(rows * intermediate);
  d_qkv_ = AlignedBuffer<Scalar>(rows * wide);
  norm_partials_ = AlignedBuffer<float>(norm_blocks(rows) * hidden);
  const size_t logits = head_rows_ * padded_row(model.vocab_size);
  logits_ = AlignedBuffer<float>(logits);
  if constexpr (!std::is_same_v<Scalar, float>) d_logits_ = AlignedBuffer<Scalar>(logits);
  targets_ = AlignedBuffer<int64_t>(rows);
  losses_ = AlignedBuffer<double>(rows);
}

template <typename Scalar>
int64_t Transformer<Scalar>::memory_bytes(const ModelSpec& model, int64_t max_batch, int64_t max_sequence) {
  const int64_t scalar = sizeof(Scalar);
  const int64_t hidden = model.hidden_size;
  const int64_t layer = hidden * 8 + qkv_width(model) * scalar + hidden * scalar +
                        model.num_attention_heads * 4 + 8 + 2 * model.intermediate_size * scalar;
  const int64_t shared =
      hidden * (8 + 4 * scalar) + 2 * model.intermediate_size * scalar + qkv_width(model) * scalar + 24;
  const int64_t rows = max_batch * max_sequence;
  return rows * (model.num_hidden_layers * layer + shared) +
         head_rows_at_once(model, rows) * padded_row(model.vocab_size) * (4 + scalar);
}

template <typename Scalar>
AttentionShape Transformer<Scalar>::attention_shape(const TokenBatch& batch) const {
  return {batch.batch, batch.sequence, model_.num_attention_heads, model_.num_key_value_heads,
          model_.head_dim()};
}

template <typename Scalar>
void Transformer<Scalar>::for_rows(int64_t rows, const std::function<void(int64_t, int64_t)>& work) {
  team_.for_ranges(rows, kRowGrain, [&](size_t begin, size_t end) { work(begin, end); });
}

template <typename Scalar>
void Transformer<Scalar>::for_attention_units(const AttentionShape& shape,
                                              const std::function<void(int64_t, AttentionScratch&)>& work) {
  const int64_t units = shape.units();
  const int64_t members = team_.threads();
  team_.run([&](int member) {
    for (int64_t unit = units * member / members; unit < units * (member + 1) / members; ++unit) {
      work(unit, scratches_[member]);
    }
  });
}

template <typename Scalar>
void Transformer<Scalar>::norm_forward(const float* x, const Scalar* delta, float* x_out, const float* weight,
                                       float* inverse_rms, int64_t rows) {
  const PartTimer timer(profile_, StepPart::kNorm);
  const RmsNormForward<Scalar> norm{.x = x,
                                    .delta = delta,
                                    .x_out = x_out,
                                    .weight = weight,
                                    .normed = normed_.data(),
                                    .inverse_rms = inverse_rms,
                                    .width = model_.hidden_size,
                                    .epsilon = static_cast<float>(model_.rms_norm_eps)};
  for_rows(rows, [&](int64_t begin, int64_t end) { rms_norm_forward(norm, begin, end); });
}

// Reads d_normed_, adds to d_x_ (or writes it where nothing flows past the norm), leaves normed_ as the
// forward pass had it.
template <typename Scalar>
void Transformer<Scalar>::norm_backward(const float* x, const float* inverse_rms, const float* weight,
                                        bool with_residual, float* d_weight, int64_t rows, bool accumulate) {
  const PartTimer timer(profile_, StepPart::kNorm);
  const RmsNormBackward<Scalar> norm{.x = x,
                                     .inverse_rms = inverse_rms,
                                     .weight = weight,
                                     .d_normed = d_normed_.data(),
                                     .d_residual = with_residual ? d_x_.data() : nullptr,
                                     .d_x = d_x_.data(),
                                     .d_x_scalar = d_x_scalar_.data(),
                                     .normed = normed_.data(),
                                     .weight_partials = norm_partials_.data(),
                                     .width = model_.hidden_size,
                                     .rows = rows};
  const int64_t blocks = norm_blocks(rows);
  team_.for_ranges(blocks, 1, [&](size_t begin, size_t end) { rms_norm_backward(norm, begin, end); });
  if (!accumulate) std::fill_n(d_weight, model_.hidden_size, 0.0F);
  for (int64_t block = 0; block < blocks; ++block) {
    const float* partial = norm_partials_.data() + block * model_.hidden_size;
    for (int64_t i = 0; i < model_.hidden_size; ++i) d_weight[i] += partial[i];
  }
}

template <typename Scalar>
void Transformer<Scalar>::forward(const Weights& weights, const TokenBatch& batch) {
  forward_rows(weights, batch.tokens, [&](LayerActivations& layer) {
    const AttentionForward<Scalar> attention{attention_shape(batch), layer.qkv.data(), &rope_,
                                             layer.attended.data(), layer.log_sums.data()};
    for_attention_units(attention.shape, [&](int64_t unit, AttentionScratch& scratch) {
      attention_forward(attention, unit, scratch);
    });
  });
}

template <typename Scalar>
void Transformer<Scalar>::forward_rows(const Weights& weights, std::span<const uint32_t> tokens,
                                       const Attend& attend) {
  const auto rows = std::ssize(tokens);
  CHECK(tokens.size() <= losses_.size());
  {
    const PartTimer timer(profile_, StepPart::kEmbedding);
    embed(team_, tokens, weights.embedding, model_.hidden_size, layers_.front().x.data());
  }
  norm_forward(layers_.front().x.data(), nullptr, nullptr, weights.layers.front().input_norm,
               layers_.front().inverse_rms.data(), rows);
  for (size_t index = 0; index < layers_.size(); ++index) {
    LayerActivations& layer = layers_[index];
    layer_forward(weights.layers[index], layer, rows, attend);
    if (index + 1 < layers_.size()) {
      LayerActivations& next = layers_[index + 1];
      norm_forward(layer.x_middle.data(), projected_.data(), next.x.data(),
                   weights.layers[index + 1].input_norm, next.inverse_rms.data(), rows);
    } else {
      norm_forward(layer.x_middle.data(), projected_.data(), x_final_.data(), weights.norm,
                   inverse_rms_final_.data(), rows);
    }
  }
}

// From the normed input in normed_ to x_middle and, in projected_, what the MLP adds to it.
template <typename Scalar>
void Transformer<Scalar>::layer_forward(const LayerTensors<const Scalar, const float>& weights,
                                        LayerActivations& layer, int64_t rows, const Attend& attend) {
  const int64_t hidden = model_.hidden_size;
  const int64_t intermediate = model_.intermediate_size;
  product(StepPart::kLayerProducts, ProductKind::kABt, {rows, qkv_width_, hidden}, normed_.data(),
          weights.qkv, layer.qkv.data());
  {
    const PartTimer timer(profile_, StepPart::kAttention);
    attend(layer);
  }
  product(StepPart::kLayerProducts, ProductKind::kABt, {rows, hidden, hidden}, layer.attended.data(),
          weights.output, projected_.data());
  norm_forward(layer.x.data(), projected_.data(), layer.x_middle.data(), weights.post_attention_norm,
               layer.inverse_rms_middle.data(), rows);
  product(StepPart::kLayerProducts, ProductKind::kABt, {rows, 2 * intermediate, hidden}, normed_.data(),
          weights.gate_up, layer.gate_up.data());
  {
    const PartTimer timer(profile_, StepPart::kSwiglu);
    const SwigluForward<Scalar> swiglu{layer.gate_up.data(), activated_.data(), intermediate};
    for_rows(rows, [&](int64_t begin, int64_t end) { swiglu_forward(swiglu, begin, end); });
  }
  product(StepPart::kLayerProducts, ProductKind::kABt, {rows, hidden, intermediate}, activated_.data(),
          weights.down, projected_.data());
}

template <typename Scalar>
void Transformer<Scalar>::set_targets(const TokenBatch& batch) {
  for (int64_t row = 0; row < batch.batch; ++row) {
    for (int64_t t = 0; t < batch.sequence; ++t) {
      const size_t at = row * batch.sequence + t;
      targets_[at] = t + 1 < batch.sequence ? static_cast<int64_t>(batch.tokens[at + 1]) : kNoTarget;
    }
  }
}

template <typename Scalar>
double Transformer<Scalar>::loss_sum(const Weights& weights, const TokenBatch& batch) {
  set_targets(batch);
  return head(weights, nullptr, batch.batch * batch.sequence, 0, false);
}

template <typename Scalar>
void Transformer<Scalar>::logits(const Weights& weights, int64_t row_begin, int64_t row_end, float* out,
                                 int64_t row_length) {
  product(StepPart::kHeadProducts, ProductKind::kABt,
          {row_end - row_begin, model_.vocab_size, model_.hidden_size},
          normed_.data() + row_begin * model_.hidden_size, weights.head, out, false, {.c = row_length});
}

// The output matrix and the loss, block by block of rows, so that the logits of all tokens need not be held.
// With gradients, leaves the gradient of the last norm's output in d_normed_.
template <typename Scalar>
double Transformer<Scalar>::head(const Weights& weights, const Gradients* gradients, int64_t rows,
                                 float scale, bool accumulate) {
  const int64_t hidden = model_.hidden_size;
  const int64_t vocab = model_.vocab_size;
  const int64_t row_length = padded_row(vocab);
  Scalar* d_logits = d_logits_.data();
  if constexpr (std::is_same_v<Scalar, float>) d_logits = logits_.data();
  for (int64_t begin = 0; begin < rows; begin += head_rows_) {
    const int64_t block = std::min(head_rows_, rows - begin);
    logits(weights, begin, begin + block, logits_.data(), row_length);
    {
      const PartTimer timer(profile_, StepPart::kCrossEntropy);
      const CrossEntropy<Scalar> loss{logits_.data(),
                                      targets_.data() + begin,
                                      losses_.data() + begin,
                                      gradients == nullptr ? nullptr : d_logits,
                                      vocab,
                                      row_length,
                                      scale};
      for_rows(block, [&](int64_t first, int64_t last) { cross_entropy(loss, first, last); });
    }
    if (gradients == nullptr) continue;
    product(StepPart::kHeadProducts, ProductKind::kAB, {block, hidden, vocab}, d_logits, weights.head,
            d_normed_.data() + begin * hidden, false, {.a = row_length});
    product(StepPart::kHeadProducts, ProductKind::kAtB, {vocab, hidden, block}, d_logits,
            normed_.data() + begin * hidden, gradients->head, accumulate || begin > 0, {.a = row_length});
  }
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) sum += losses_[row];
  return sum;
}

template <typename Scalar>
double Transformer<Scalar>::backward(const Weights& weights, const Gradients& gradients,
                                     const TokenBatch& batch, float scale, bool accumulate) {
  const int64_t rows = batch.batch * batch.sequence;
  set_targets(batch);
  const double loss = head(weights, &gradients, rows, scale, accumulate);
  norm_backward(x_final_.data(), inverse_rms_final_.data(), weights.norm, false, gradients.norm, rows,
                accumulate);
  for (size_t index = layers_.size(); index-- > 0;) {
    mlp_backward(weights.layers[index], gradients.layers[index], layers_[index], rows, accumulate);
    attention_block_backward(weights.layers[index], gradients.layers[index], layers_[index], batch,
                             accumulate);
  }
  const PartTimer timer(profile_, StepPart::kEmbedding);
  if (!accumulate && !model_.tie_word_embeddings) {
    const size_t size = model_.vocab_size * model_.hidden_size;
    team_.for_ranges(size, 1024, [&](size_t begin, size_t end) {
      std::fill(gradients.embedding + begin, gradients.embedding + end, 0.0F);
    });
  }
  embed_backward(team_, batch.tokens, d_x_.data(), model_.hidden_size, gradients.embedding);
  return loss;
}

template <typename Scalar>
void Transformer<Scalar>::mlp_backward(const LayerTensors<const Scalar, const float>& weights,
                                       const LayerTensors<float, float>& gradients, LayerActivations& layer,
                                       int64_t rows, bool accumulate) {
  const int64_t hidden = model_.hidden_size;
  const int64_t intermediate = model_.intermediate_size;
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, intermediate, hidden}, d_x_scalar_.data(),
          weights.down, d_activated_.data());
  {
    const PartTimer timer(profile_, StepPart::kSwiglu);
    const SwigluBackward<Scalar> swiglu{layer.gate_up.data(), d_activated_.data(), layer.gate_up.data(),
                                        activated_.data(), intermediate};
    for_rows(rows, [&](int64_t begin, int64_t end) { swiglu_backward(swiglu, begin, end); });
  }
  const Scalar* d_gate_up = layer.gate_up.data();
  product(StepPart::kLayerProducts, ProductKind::kAtB, {hidden, intermediate, rows}, d_x_scalar_.data(),
          activated_.data(), gradients.down, accumulate);
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, hidden, 2 * intermediate}, d_gate_up,
          weights.gate_up, d_normed_.data());
  norm_backward(layer.x_middle.data(), layer.inverse_rms_middle.data(), weights.post_attention_norm, true,
                gradients.post_attention_norm, rows, accumulate);
  product(StepPart::kLayerProducts, ProductKind::kAtB, {2 * intermediate, hidden, rows}, d_gate_up,
          normed_.data(), gradients.gate_up, accumulate);
}

template <typename Scalar>
void Transformer<Scalar>::attention_block_backward(const LayerTensors<const Scalar, const float>& weights,
                                                   const LayerTensors<float, float>& gradients,
                                                   const LayerActivations& layer, const TokenBatch& batch,
                                                   bool accumulate) {
  const int64_t rows = batch.batch * batch.sequence;
  const int64_t hidden = model_.hidden_size;
  Scalar* d_attended = projected_.data();
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, hidden, hidden}, d_x_scalar_.data(),
          weights.output, d_attended);
  product(StepPart::kLayerProducts, ProductKind::kAtB, {hidden, hidden, rows}, d_x_scalar_.data(),
          layer.attended.data(), gradients.output, accumulate);
  {
    const PartTimer timer(profile_, StepPart::kAttention);
    const AttentionBackward<Scalar> attention{attention_shape(batch), layer.qkv.data(), &rope_,
                                              layer.log_sums.data(),  d_attended,       d_qkv_.data()};
    for_attention_units(attention.shape, [&](int64_t unit, AttentionScratch& scratch) {
      attention_backward(attention, unit, scratch);
    });
  }
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, hidden, qkv_width_}, d_qkv_.data(), weights.qkv,
          d_normed_.data());
  norm_backward(layer.x.data(), layer.inverse_rms.data(), weights.input_norm, true, gradients.input_norm,
                rows, accumulate);
  product(StepPart::kLayerProducts, ProductKind::kAtB, {qkv_width_, hidden, rows}, d_qkv_.data(),
          normed_.data(), gradients.qkv, accumulate);
}

template class Transformer<float>;
template class Transformer<Bf16>;

}  // namespace templar
