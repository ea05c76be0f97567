#include "engine/cpu/transformer.h"

#include <algorithm>
#include <functional>

#include "base/check.h"
#include "engine/cpu/kernels/cross_entropy.h"
#include "engine/cpu/kernels/embedding.h"
#include "engine/cpu/kernels/rms_norm.h"
#include "engine/cpu/kernels/swiglu.h"

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
  return model.query_width() + 2 * model.key_value_width();
}

int64_t norm_blocks(int64_t rows) {
  return (rows + kNormRowsPerBlock - 1) / kNormRowsPerBlock;
}

}  // namespace

ActivationShape activation_shape(const InnerSpec& inner, const EngineOptions& options) {
  return {.max_batch = options.micro_batch,
          .max_sequence = inner.sequence_length,
          .backward = options.use == EngineUse::kTraining,
          .recompute = options.recompute_layers};
}

SumOrder sum_order(Precision precision) {
  return precision == Precision::kF32Deterministic ? SumOrder::kFixed : SumOrder::kFastest;
}

template <typename Scalar>
template <typename Visit>
void Transformer<Scalar>::Buffers::visit_all(const ModelSpec& model, const ActivationShape& shape,
                                             const Visit& visit) {
  const int64_t rows = shape.rows();
  const int64_t hidden = model.hidden_size;
  const int64_t intermediate = model.intermediate_size;
  const size_t every_layer = model.num_hidden_layers;
  x.resize(shape.backward ? every_layer : 1);
  layers.resize(shape.keeps_layers() ? every_layer : 1);
  for (AlignedBuffer<float>& entering : x) visit(entering, rows * hidden);
  for (LayerActivations& layer : layers) {
    visit(layer.inverse_rms, rows);
    visit(layer.qkv, rows * qkv_width(model));
    visit(layer.attended, rows * model.query_width());
    visit(layer.log_sums, rows * model.num_attention_heads);
    visit(layer.x_middle, rows * hidden);
    visit(layer.inverse_rms_middle, rows);
    visit(layer.gate_up, rows * 2 * intermediate);
  }
  visit(x_final, rows * hidden);
  visit(inverse_rms_final, rows);
  visit(normed, rows * hidden);
  visit(projected, rows * std::max(hidden, model.query_width()));
  visit(activated, rows * intermediate);
  const int64_t logit_count = head_rows_at_once(model, rows) * padded_row(model.vocab_size);
  visit(logits, logit_count);
  visit(targets, rows);
  visit(losses, rows);
  visit(d_normed, rows * hidden);
  if (!shape.backward) return;
  visit(d_x, rows * hidden);
  visit(d_x_scalar, rows * hidden);
  visit(d_activated, rows * intermediate);
  visit(d_qkv, rows * qkv_width(model));
  visit(norm_partials, norm_blocks(rows) * hidden);
  if constexpr (!std::is_same_v<Scalar, float>) visit(d_logits, logit_count);
}

template <typename Scalar>
Transformer<Scalar>::Transformer(const ModelSpec& model, const ActivationShape& shape, SumOrder order,
                                 ThreadTeam& team, Profile& profile)
    : model_(model),
      recomputes_(shape.recompute),
      qkv_width_(qkv_width(model)),
      head_rows_(head_rows_at_once(model, shape.rows())),
      team_(team),
      profile_(profile),
      products_(team, order),
      rope_(shape.max_sequence, model.head_width(), model.rope_theta) {
  for (int member = 0; member < team.threads(); ++member)
    scratches_.emplace_back(shape.max_sequence, model.head_width());
  b_.visit_all(model, shape,
               []<typename T>(AlignedBuffer<T>& buffer, int64_t count) { buffer = AlignedBuffer<T>(count); });
}

template <typename Scalar>
int64_t Transformer<Scalar>::memory_bytes(const ModelSpec& model, const ActivationShape& shape, int threads) {
  int64_t bytes = threads * AttentionScratch::memory_bytes(shape.max_sequence, model.head_width()) +
                  RopeTable::memory_bytes(shape.max_sequence, model.head_width());
  Buffers counted;
  counted.visit_all(model, shape, [&]<typename T>(const AlignedBuffer<T>&, int64_t count) {
    bytes += count * static_cast<int64_t>(sizeof(T));
  });
  return bytes;
}

template <typename Scalar>
AttentionShape Transformer<Scalar>::attention_shape(const TokenBatch& batch) const {
  return {batch.batch, batch.sequence, model_.num_attention_heads, model_.num_key_value_heads,
          model_.head_width()};
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
                                    .normed = b_.normed.data(),
                                    .inverse_rms = inverse_rms,
                                    .width = model_.hidden_size,
                                    .epsilon = static_cast<float>(model_.rms_norm_eps)};
  for_rows(rows, [&](int64_t begin, int64_t end) { rms_norm_forward(norm, begin, end); });
}

// Reads d_normed, adds to d_x (or writes it where nothing flows past the norm), leaves normed as the
// forward pass had it.
template <typename Scalar>
void Transformer<Scalar>::norm_backward(const float* x, const float* inverse_rms, const float* weight,
                                        bool with_residual, float* d_weight, int64_t rows, bool accumulate) {
  const PartTimer timer(profile_, StepPart::kNorm);
  const RmsNormBackward<Scalar> norm{.x = x,
                                     .inverse_rms = inverse_rms,
                                     .weight = weight,
                                     .d_normed = b_.d_normed.data(),
                                     .d_residual = with_residual ? b_.d_x.data() : nullptr,
                                     .d_x = b_.d_x.data(),
                                     .d_x_scalar = b_.d_x_scalar.data(),
                                     .normed = b_.normed.data(),
                                     .weight_partials = b_.norm_partials.data(),
                                     .width = model_.hidden_size,
                                     .rows = rows};
  const int64_t blocks = norm_blocks(rows);
  team_.for_ranges(blocks, 1, [&](size_t begin, size_t end) { rms_norm_backward(norm, begin, end); });
  if (!accumulate) std::fill_n(d_weight, model_.hidden_size, 0.0F);
  for (int64_t block = 0; block < blocks; ++block) {
    const float* partial = b_.norm_partials.data() + block * model_.hidden_size;
    for (int64_t i = 0; i < model_.hidden_size; ++i) d_weight[i] += partial[i];
  }
}

template <typename Scalar>
auto Transformer<Scalar>::attend_batch(const TokenBatch& batch) -> Attend {
  return [this, shape = attention_shape(batch)](LayerActivations& layer) {
    const AttentionForward<Scalar> attention{shape, layer.qkv.data(), &rope_, layer.attended.data(),
                                             layer.log_sums.data()};
    for_attention_units(
        shape, [&](int64_t unit, AttentionScratch& scratch) { attention_forward(attention, unit, scratch); });
  };
}

template <typename Scalar>
void Transformer<Scalar>::forward(const Weights& weights, const TokenBatch& batch, const WatchLayer& watch) {
  forward_rows(weights, batch.tokens, attend_batch(batch), watch);
}

template <typename Scalar>
void Transformer<Scalar>::forward_rows(const Weights& weights, std::span<const uint32_t> tokens,
                                       const Attend& attend, const WatchLayer& watch) {
  const auto rows = std::ssize(tokens);
  CHECK(tokens.size() <= b_.losses.size());
  {
    const PartTimer timer(profile_, StepPart::kEmbedding);
    embed(team_, tokens, weights.embedding, model_.hidden_size, entering(0));
  }
  norm_forward(entering(0), nullptr, nullptr, weights.layers.front().input_norm, layer(0).inverse_rms.data(),
               rows);
  for (size_t index = 0; index < weights.layers.size(); ++index) {
    layer_inside(weights, index, rows, attend);
    if (watch) watch(static_cast<int64_t>(index), layer(index).qkv.data());
    product(StepPart::kLayerProducts, ProductKind::kABt, {rows, model_.hidden_size, model_.intermediate_size},
            b_.activated.data(), weights.layers[index].down, b_.projected.data());
    // What enters the next layer may lie where what entered this one did: only x_middle is still read.
    const float* x_middle = layer(index).x_middle.data();
    if (index + 1 < weights.layers.size()) {
      norm_forward(x_middle, b_.projected.data(), entering(index + 1), weights.layers[index + 1].input_norm,
                   layer(index + 1).inverse_rms.data(), rows);
    } else {
      norm_forward(x_middle, b_.projected.data(), b_.x_final.data(), weights.norm,
                   b_.inverse_rms_final.data(), rows);
    }
  }
}

// From the normed input in normed to x_middle and the MLP's activated values.
template <typename Scalar>
void Transformer<Scalar>::layer_inside(const Weights& weights, size_t index, int64_t rows,
                                       const Attend& attend) {
  const LayerTensors<const Scalar, const float>& tensors = weights.layers[index];
  LayerActivations& its = layer(index);
  const int64_t hidden = model_.hidden_size;
  const int64_t intermediate = model_.intermediate_size;
  product(StepPart::kLayerProducts, ProductKind::kABt, {rows, qkv_width_, hidden}, b_.normed.data(),
          tensors.qkv, its.qkv.data());
  {
    const PartTimer timer(profile_, StepPart::kAttention);
    attend(its);
  }
  product(StepPart::kLayerProducts, ProductKind::kABt, {rows, hidden, model_.query_width()},
          its.attended.data(), tensors.output, b_.projected.data());
  norm_forward(entering(index), b_.projected.data(), its.x_middle.data(), tensors.post_attention_norm,
               its.inverse_rms_middle.data(), rows);
  product(StepPart::kLayerProducts, ProductKind::kABt, {rows, 2 * intermediate, hidden}, b_.normed.data(),
          tensors.gate_up, its.gate_up.data());
  const PartTimer timer(profile_, StepPart::kSwiglu);
  const SwigluForward<Scalar> swiglu{its.gate_up.data(), b_.activated.data(), intermediate};
  for_rows(rows, [&](int64_t begin, int64_t end) { swiglu_forward(swiglu, begin, end); });
}

// The layer's activations as the forward pass had them, from what enters it.
template <typename Scalar>
void Transformer<Scalar>::recompute_layer(const Weights& weights, size_t index, int64_t rows,
                                          const Attend& attend) {
  norm_forward(entering(index), nullptr, nullptr, weights.layers[index].input_norm,
               layer(index).inverse_rms.data(), rows);
  layer_inside(weights, index, rows, attend);
}

template <typename Scalar>
void Transformer<Scalar>::set_targets(const TokenBatch& batch) {
  for (int64_t row = 0; row < batch.batch; ++row) {
    for (int64_t t = 0; t < batch.sequence; ++t) {
      const size_t at = row * batch.sequence + t;
      b_.targets[at] = t + 1 < batch.sequence ? static_cast<int64_t>(batch.tokens[at + 1]) : kNoTarget;
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
          b_.normed.data() + row_begin * model_.hidden_size, weights.head, out, false, {.c = row_length});
}

// The output matrix and the loss, block by block of rows, so that the logits of all tokens need not be held.
// With gradients, leaves the gradient of the last norm's output in d_normed.
template <typename Scalar>
double Transformer<Scalar>::head(const Weights& weights, const Gradients* gradients, int64_t rows,
                                 float scale, bool accumulate) {
  const int64_t hidden = model_.hidden_size;
  const int64_t vocab = model_.vocab_size;
  const int64_t row_length = padded_row(vocab);
  Scalar* d_logits = b_.d_logits.data();
  if constexpr (std::is_same_v<Scalar, float>) d_logits = b_.logits.data();
  for (int64_t begin = 0; begin < rows; begin += head_rows_) {
    const int64_t block = std::min(head_rows_, rows - begin);
    logits(weights, begin, begin + block, b_.logits.data(), row_length);
    {
      const PartTimer timer(profile_, StepPart::kCrossEntropy);
      const CrossEntropy<Scalar> loss{b_.logits.data(),
                                      b_.targets.data() + begin,
                                      b_.losses.data() + begin,
                                      gradients == nullptr ? nullptr : d_logits,
                                      vocab,
                                      row_length,
                                      scale};
      for_rows(block, [&](int64_t first, int64_t last) { cross_entropy(loss, first, last); });
    }
    if (gradients == nullptr) continue;
    product(StepPart::kHeadProducts, ProductKind::kAB, {block, hidden, vocab}, d_logits, weights.head,
            b_.d_normed.data() + begin * hidden, false, {.a = row_length});
    product(StepPart::kHeadProducts, ProductKind::kAtB, {vocab, hidden, block}, d_logits,
            b_.normed.data() + begin * hidden, gradients->head, accumulate || begin > 0, {.a = row_length});
  }
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) sum += b_.losses[row];
  return sum;
}

template <typename Scalar>
double Transformer<Scalar>::backward(const Weights& weights, const Gradients& gradients,
                                     const TokenBatch& batch, float scale, bool accumulate) {
  const int64_t rows = batch.batch * batch.sequence;
  set_targets(batch);
  const double loss = head(weights, &gradients, rows, scale, accumulate);
  norm_backward(b_.x_final.data(), b_.inverse_rms_final.data(), weights.norm, false, gradients.norm, rows,
                accumulate);
  const size_t last = weights.layers.size() - 1;
  for (size_t index = last + 1; index-- > 0;) {
    // The last layer's activations are still those of the forward pass, even where all layers share them.
    if (recomputes_ && index != last) recompute_layer(weights, index, rows, attend_batch(batch));
    mlp_backward(weights.layers[index], gradients.layers[index], layer(index), rows, accumulate);
    attention_block_backward(weights.layers[index], gradients.layers[index], layer(index), entering(index),
                             batch, accumulate);
  }
  const PartTimer timer(profile_, StepPart::kEmbedding);
  if (!accumulate && !model_.tie_word_embeddings) {
    const size_t size = model_.vocab_size * model_.hidden_size;
    team_.for_ranges(size, 1024, [&](size_t begin, size_t end) {
      std::fill(gradients.embedding + begin, gradients.embedding + end, 0.0F);
    });
  }
  embed_backward(team_, batch.tokens, b_.d_x.data(), model_.hidden_size, gradients.embedding);
  return loss;
}

template <typename Scalar>
void Transformer<Scalar>::mlp_backward(const LayerTensors<const Scalar, const float>& weights,
                                       const LayerTensors<float, float>& gradients, LayerActivations& layer,
                                       int64_t rows, bool accumulate) {
  const int64_t hidden = model_.hidden_size;
  const int64_t intermediate = model_.intermediate_size;
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, intermediate, hidden}, b_.d_x_scalar.data(),
          weights.down, b_.d_activated.data());
  {
    const PartTimer timer(profile_, StepPart::kSwiglu);
    const SwigluBackward<Scalar> swiglu{layer.gate_up.data(), b_.d_activated.data(), layer.gate_up.data(),
                                        b_.activated.data(), intermediate};
    for_rows(rows, [&](int64_t begin, int64_t end) { swiglu_backward(swiglu, begin, end); });
  }
  const Scalar* d_gate_up = layer.gate_up.data();
  product(StepPart::kLayerProducts, ProductKind::kAtB, {hidden, intermediate, rows}, b_.d_x_scalar.data(),
          b_.activated.data(), gradients.down, accumulate);
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, hidden, 2 * intermediate}, d_gate_up,
          weights.gate_up, b_.d_normed.data());
  norm_backward(layer.x_middle.data(), layer.inverse_rms_middle.data(), weights.post_attention_norm, true,
                gradients.post_attention_norm, rows, accumulate);
  product(StepPart::kLayerProducts, ProductKind::kAtB, {2 * intermediate, hidden, rows}, d_gate_up,
          b_.normed.data(), gradients.gate_up, accumulate);
}

template <typename Scalar>
void Transformer<Scalar>::attention_block_backward(const LayerTensors<const Scalar, const float>& weights,
                                                   const LayerTensors<float, float>& gradients,
                                                   const LayerActivations& layer, const float* entering,
                                                   const TokenBatch& batch, bool accumulate) {
  const int64_t rows = batch.batch * batch.sequence;
  const int64_t hidden = model_.hidden_size;
  const int64_t query = model_.query_width();
  Scalar* d_attended = b_.projected.data();
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, query, hidden}, b_.d_x_scalar.data(),
          weights.output, d_attended);
  product(StepPart::kLayerProducts, ProductKind::kAtB, {hidden, query, rows}, b_.d_x_scalar.data(),
          layer.attended.data(), gradients.output, accumulate);
  {
    const PartTimer timer(profile_, StepPart::kAttention);
    const AttentionBackward<Scalar> attention{attention_shape(batch), layer.qkv.data(), &rope_,
                                              layer.log_sums.data(),  d_attended,       b_.d_qkv.data()};
    for_attention_units(attention.shape, [&](int64_t unit, AttentionScratch& scratch) {
      attention_backward(attention, unit, scratch);
    });
  }
  product(StepPart::kLayerProducts, ProductKind::kAB, {rows, hidden, qkv_width_}, b_.d_qkv.data(),
          weights.qkv, b_.d_normed.data());
  norm_backward(entering, layer.inverse_rms.data(), weights.input_norm, true, gradients.input_norm, rows,
                accumulate);
  product(StepPart::kLayerProducts, ProductKind::kAtB, {qkv_width_, hidden, rows}, b_.d_qkv.data(),
          b_.normed.data(), gradients.qkv, accumulate);
}

template class Transformer<float>;
template class Transformer<Bf16>;

}  // namespace templar
