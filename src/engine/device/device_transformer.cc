#include "engine/device/device_transformer.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "engine/cpu/kernels/rope.h"

namespace templar {

template <typename Scalar>
DeviceTransformer<Scalar>::DeviceTransformer(const ModelSpec& model, int64_t max_sequence,
                                             const EngineOptions& options, Operations<Scalar>& operations)
    : model_(model),
      recompute_(options.recompute_layers),
      qkv_width_(model.query_width() + 2 * model.key_value_width()),
      rows_(options.micro_batch * max_sequence),
      head_rows_(device_head_rows(model, rows_)),
      logit_row_(device_logit_row(model)),
      operations_(operations) {
  const int64_t stream = rows_ * model.hidden_size;
  const bool trains = options.use == EngineUse::kTraining;
  const bool shared = recompute_ || !trains;
  for (int64_t index = 0; index < model.num_hidden_layers; ++index) {
    Layer& layer = layers_.emplace_back(index > 0 && shared ? layers_.front() : Layer{});
    if (index == 0 || trains) layer.x = allocate<Scalar>(stream);
    if (index == 0 || !shared) allocate_inside(layer);
  }
  x_final_ = allocate<Scalar>(stream);
  normed_final_ = allocate<Scalar>(stream);
  inverse_rms_final_ = allocate<float>(rows_);
  d_normed_ = allocate<Scalar>(rows_ * std::max(model.hidden_size, model.query_width()));
  logits_ = allocate<float>(head_rows_ * logit_row_);
  if (trains) allocate_backward();
  tokens_ = allocate<uint32_t>(rows_);
  targets_ = allocate<uint32_t>(rows_);
  order_ = allocate<uint32_t>(rows_);
  losses_ = allocate<double>(rows_);
  greedy_ = allocate<uint8_t>(rows_);

  const RopeTable table(max_sequence, model.head_width(), model.rope_theta);
  const int64_t angles = max_sequence * model.head_width() / 2;
  cosines_ = allocate<float>(angles);
  sines_ = allocate<float>(angles);
  operations_.upload(cosines_, table.cosines(0), angles * 4);
  operations_.upload(sines_, table.sines(0), angles * 4);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::allocate_backward() {
  d_x_ = allocate<Scalar>(rows_ * model_.hidden_size);
  d_qkv_ = allocate<Scalar>(rows_ * qkv_width_);
  d_activated_ = allocate<Scalar>(rows_ * model_.intermediate_size);
  norm_partials_ = allocate<float>(norm_block_count(rows_) * model_.hidden_size);
  if constexpr (std::is_same_v<Scalar, float>) {
    d_logits_ = logits_;
  } else {
    d_logits_ = allocate<Scalar>(head_rows_ * logit_row_);
  }
  begins_ = allocate<uint32_t>(rows_ + 1);
  ids_ = allocate<uint32_t>(rows_ + 1);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::allocate_inside(Layer& layer) {
  const int64_t stream = rows_ * model_.hidden_size;
  layer.inverse_rms = allocate<float>(rows_);
  layer.normed = allocate<Scalar>(stream);
  layer.qkv = allocate<Scalar>(rows_ * qkv_width_);
  layer.attended = allocate<Scalar>(rows_ * model_.query_width());
  layer.log_sums = allocate<float>(rows_ * model_.num_attention_heads);
  layer.x_middle = allocate<Scalar>(stream);
  layer.inverse_rms_middle = allocate<float>(rows_);
  layer.normed_middle = allocate<Scalar>(stream);
  layer.gate_up = allocate<Scalar>(rows_ * 2 * model_.intermediate_size);
  layer.activated = allocate<Scalar>(rows_ * model_.intermediate_size);
}

template <typename Scalar>
DeviceAttentionShape DeviceTransformer<Scalar>::shape_of(const TokenBatch& batch) const {
  return {batch.batch, batch.sequence, model_.num_attention_heads, model_.num_key_value_heads,
          model_.head_width()};
}

template <typename Scalar>
void DeviceTransformer<Scalar>::norm(const Scalar* x, const float* weight, Scalar* normed, float* inverse_rms,
                                     int64_t rows) {
  operations_.begin_part(DeviceStepPart::kNorm);
  operations_.norm_forward(
      {x, weight, normed, inverse_rms, model_.hidden_size, static_cast<float>(model_.rms_norm_eps)}, rows);
}

// Reads d_normed_; adds to d_x_, or writes it where nothing flows past the norm.
template <typename Scalar>
void DeviceTransformer<Scalar>::norm_gradient(const Scalar* x, const float* inverse_rms, const float* weight,
                                              bool add, float* d_weight, int64_t rows, bool accumulate) {
  operations_.begin_part(DeviceStepPart::kNorm);
  operations_.norm_backward({.x = x,
                             .inverse_rms = inverse_rms,
                             .weight = weight,
                             .d_normed = d_normed_,
                             .d_x = d_x_,
                             .weight_partials = norm_partials_,
                             .width = model_.hidden_size,
                             .rows = rows,
                             .rows_a_block = 0,
                             .add = add},
                            d_weight, accumulate);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::forward(const Weights& weights, const TokenBatch& batch) {
  const int64_t rows = batch.batch * batch.sequence;
  CHECK(rows <= rows_);
  const int64_t hidden = model_.hidden_size;
  operations_.begin_part(DeviceStepPart::kEmbedding);
  operations_.upload(tokens_, batch.tokens.data(), rows * 4);
  operations_.embed({tokens_, weights.embedding, layers_.front().x, hidden}, rows);
  for (size_t index = 0; index < layers_.size(); ++index) {
    const Layer& layer = layers_[index];
    layer_inside(weights.layers[index], layer, batch);
    operations_.begin_part(DeviceStepPart::kProducts);
    operations_.multiply(DeviceProduct::kABt, {rows, hidden, model_.intermediate_size}, layer.activated,
                         weights.layers[index].down,
                         index + 1 < layers_.size() ? layers_[index + 1].x : x_final_, layer.x_middle);
  }
  norm(x_final_, weights.norm, normed_final_, inverse_rms_final_, rows);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::layer_inside(const LayerTensors<const Scalar, const float>& weights,
                                             const Layer& layer, const TokenBatch& batch) {
  const int64_t rows = batch.batch * batch.sequence;
  const int64_t hidden = model_.hidden_size;
  const int64_t intermediate = model_.intermediate_size;
  norm(layer.x, weights.input_norm, layer.normed, layer.inverse_rms, rows);
  operations_.begin_part(DeviceStepPart::kProducts);
  operations_.multiply(DeviceProduct::kABt, {rows, qkv_width_, hidden}, layer.normed, weights.qkv, layer.qkv,
                       nullptr);
  operations_.begin_part(DeviceStepPart::kRope);
  operations_.rotate({shape_of(batch), layer.qkv, cosines_, sines_, 1.0F});
  operations_.begin_part(DeviceStepPart::kAttention);
  operations_.attention_forward(
      {shape_of(batch), layer.qkv, layer.attended, layer.log_sums, nullptr, nullptr});
  operations_.begin_part(DeviceStepPart::kProducts);
  operations_.multiply(DeviceProduct::kABt, {rows, hidden, model_.query_width()}, layer.attended,
                       weights.output, layer.x_middle, layer.x);
  norm(layer.x_middle, weights.post_attention_norm, layer.normed_middle, layer.inverse_rms_middle, rows);
  operations_.begin_part(DeviceStepPart::kProducts);
  operations_.multiply(DeviceProduct::kABt, {rows, 2 * intermediate, hidden}, layer.normed_middle,
                       weights.gate_up, layer.gate_up, nullptr);
  operations_.begin_part(DeviceStepPart::kSwiglu);
  operations_.swiglu_forward({layer.gate_up, layer.activated, nullptr, nullptr, intermediate}, rows);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::upload_targets(const TokenBatch& batch) {
  std::vector<uint32_t> targets(batch.tokens.size());
  const auto sequence = static_cast<size_t>(batch.sequence);
  for (size_t at = 0; at < targets.size(); ++at) {
    targets[at] = (at + 1) % sequence != 0 ? batch.tokens[at + 1] : kNoDeviceTarget;
  }
  operations_.upload(targets_, targets.data(), static_cast<int64_t>(targets.size()) * 4);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::loss_sum(const Weights& weights, const TokenBatch& batch, double* total,
                                         bool add) {
  const int64_t rows = batch.batch * batch.sequence;
  upload_targets(batch);
  head(weights, nullptr, rows, 0, false);
  operations_.sum(losses_, rows, total, add);
}

// The output matrix and the loss, block by block of rows, so that the logits of all tokens need not be held.
// With gradients, leaves the gradient of the last norm's output in d_normed_.
template <typename Scalar>
void DeviceTransformer<Scalar>::head(const Weights& weights, const Gradients* gradients, int64_t rows,
                                     float scale, bool accumulate) {
  const int64_t hidden = model_.hidden_size;
  const int64_t vocab = model_.vocab_size;
  for (int64_t begin = 0; begin < rows; begin += head_rows_) {
    const int64_t block = std::min(head_rows_, rows - begin);
    const Scalar* normed = normed_final_ + begin * hidden;
    operations_.begin_part(DeviceStepPart::kHeadProducts);
    operations_.multiply_to_f32(DeviceProduct::kABt, {block, vocab, hidden, 0, logit_row_}, normed,
                                weights.head, logits_, false);
    operations_.begin_part(DeviceStepPart::kCrossEntropy);
    operations_.cross_entropy({logits_, targets_ + begin, losses_ + begin,
                               gradients == nullptr ? nullptr : d_logits_, nullptr, vocab, logit_row_, scale},
                              block);
    if (gradients == nullptr) continue;
    operations_.begin_part(DeviceStepPart::kHeadProducts);
    operations_.multiply(DeviceProduct::kAB, {block, hidden, vocab, logit_row_, 0}, d_logits_, weights.head,
                         d_normed_ + begin * hidden, nullptr);
    operations_.multiply_to_f32(DeviceProduct::kAtB, {vocab, hidden, block, logit_row_, 0}, d_logits_, normed,
                                gradients->head, accumulate || begin > 0);
  }
}

template <typename Scalar>
void DeviceTransformer<Scalar>::backward(const Weights& weights, const Gradients& gradients,
                                         const TokenBatch& batch, float scale, bool accumulate,
                                         double* total) {
  const int64_t rows = batch.batch * batch.sequence;
  upload_targets(batch);
  head(weights, &gradients, rows, scale, accumulate);
  operations_.sum(losses_, rows, total, accumulate);
  norm_gradient(x_final_, inverse_rms_final_, weights.norm, false, gradients.norm, rows, accumulate);
  for (size_t index = layers_.size(); index-- > 0;) {
    if (recompute_) layer_inside(weights.layers[index], layers_[index], batch);
    mlp_backward(weights.layers[index], gradients.layers[index], layers_[index], rows, accumulate);
    attention_backward(weights.layers[index], gradients.layers[index], layers_[index], batch, accumulate);
  }
  embedding_gradient(gradients, batch, accumulate);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::mlp_backward(const LayerTensors<const Scalar, const float>& weights,
                                             const LayerTensors<float, float>& gradients, const Layer& layer,
                                             int64_t rows, bool accumulate) {
  const int64_t hidden = model_.hidden_size;
  const int64_t intermediate = model_.intermediate_size;
  operations_.begin_part(DeviceStepPart::kProducts);
  operations_.multiply(DeviceProduct::kAB, {rows, intermediate, hidden}, d_x_, weights.down, d_activated_,
                       nullptr);
  operations_.multiply_to_f32(DeviceProduct::kAtB, {hidden, intermediate, rows}, d_x_, layer.activated,
                              gradients.down, accumulate);
  operations_.begin_part(DeviceStepPart::kSwiglu);
  operations_.swiglu_backward({layer.gate_up, nullptr, d_activated_, layer.gate_up, intermediate}, rows);
  operations_.begin_part(DeviceStepPart::kProducts);
  operations_.multiply(DeviceProduct::kAB, {rows, hidden, 2 * intermediate}, layer.gate_up, weights.gate_up,
                       d_normed_, nullptr);
  operations_.multiply_to_f32(DeviceProduct::kAtB, {2 * intermediate, hidden, rows}, layer.gate_up,
                              layer.normed_middle, gradients.gate_up, accumulate);
  norm_gradient(layer.x_middle, layer.inverse_rms_middle, weights.post_attention_norm, true,
                gradients.post_attention_norm, rows, accumulate);
}

template <typename Scalar>
void DeviceTransformer<Scalar>::attention_backward(const LayerTensors<const Scalar, const float>& weights,
                                                   const LayerTensors<float, float>& gradients,
                                                   const Layer& layer, const TokenBatch& batch,
                                                   bool accumulate) {
  const int64_t rows = batch.batch * batch.sequence;
  const int64_t hidden = model_.hidden_size;
  const int64_t query = model_.query_width();
  Scalar* d_attended = d_normed_;
  operations_.begin_part(DeviceStepPart::kProducts);
  operations_.multiply(DeviceProduct::kAB, {rows, query, hidden}, d_x_, weights.output, d_attended, nullptr);
  operations_.multiply_to_f32(DeviceProduct::kAtB, {hidden, query, rows}, d_x_, layer.attended,
                              gradients.output, accumulate);
  operations_.begin_part(DeviceStepPart::kAttention);
  operations_.attention_backward(
      {shape_of(batch), layer.qkv, layer.attended, layer.log_sums, d_attended, d_qkv_});
  operations_.begin_part(DeviceStepPart::kRope);
  operations_.rotate({shape_of(batch), d_qkv_, cosines_, sines_, -1.0F});
  operations_.begin_part(DeviceStepPart::kProducts);
  operations_.multiply(DeviceProduct::kAB, {rows, hidden, qkv_width_}, d_qkv_, weights.qkv, d_normed_,
                       nullptr);
  operations_.multiply_to_f32(DeviceProduct::kAtB, {qkv_width_, hidden, rows}, d_qkv_, layer.normed,
                              gradients.qkv, accumulate);
  norm_gradient(layer.x, layer.inverse_rms, weights.input_norm, true, gradients.input_norm, rows, accumulate);
}

// The rows of each token side by side, in their order.
template <typename Scalar>
void DeviceTransformer<Scalar>::embedding_gradient(const Gradients& gradients, const TokenBatch& batch,
                                                   bool accumulate) {
  operations_.begin_part(DeviceStepPart::kEmbedding);
  std::vector<uint32_t> order(batch.tokens.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {},
                    [&](uint32_t row) { return (static_cast<uint64_t>(batch.tokens[row]) << 32U) | row; });
  std::vector<uint32_t> begins;
  std::vector<uint32_t> ids;
  for (uint32_t at = 0; at < order.size(); ++at) {
    const uint32_t token = batch.tokens[order[at]];
    if (!ids.empty() && ids.back() == token) continue;
    ids.push_back(token);
    begins.push_back(at);
  }
  begins.push_back(static_cast<uint32_t>(order.size()));
  const auto bytes = [](const std::vector<uint32_t>& values) {
    return static_cast<int64_t>(values.size()) * 4;
  };
  operations_.upload(order_, order.data(), bytes(order));
  operations_.upload(begins_, begins.data(), bytes(begins));
  operations_.upload(ids_, ids.data(), bytes(ids));
  // A tied table has got the head's gradient already.
  if (!accumulate && !model_.tie_word_embeddings) {
    operations_.clear(gradients.embedding, model_.vocab_size * model_.hidden_size * 4);
  }
  operations_.embed_backward({d_x_, order_, begins_, ids_, static_cast<int64_t>(ids.size()),
                              gradients.embedding, model_.hidden_size});
}

template <typename Scalar>
void DeviceTransformer<Scalar>::logits(const Weights& weights, std::span<const uint32_t> rows,
                                       float* host_out) {
  const int64_t hidden = model_.hidden_size;
  const int64_t vocab = model_.vocab_size;
  std::vector<float> padded;
  for (size_t begin = 0; begin < rows.size(); begin += static_cast<size_t>(head_rows_)) {
    const auto some = rows.subspan(begin, std::min(static_cast<size_t>(head_rows_), rows.size() - begin));
    const auto count = static_cast<int64_t>(some.size());
    operations_.upload(targets_, some.data(), count * 4);
    operations_.gather_rows({normed_final_, targets_, d_normed_, hidden}, count);
    operations_.multiply_to_f32(DeviceProduct::kABt, {count, vocab, hidden, 0, logit_row_}, d_normed_,
                                weights.head, logits_, false);
    padded.resize(static_cast<size_t>(count * logit_row_));
    operations_.download(padded.data(), logits_, count * logit_row_ * 4);
    for (int64_t row = 0; row < count; ++row) {
      host_out = std::copy_n(padded.data() + row * logit_row_, vocab, host_out);
    }
  }
}

template <typename Scalar>
auto DeviceTransformer<Scalar>::likelihoods(const Weights& weights, std::span<const uint32_t> rows,
                                            std::span<const uint32_t> targets) -> std::vector<Likelihood> {
  CHECK(rows.size() == targets.size() && static_cast<int64_t>(rows.size()) <= rows_);
  const int64_t hidden = model_.hidden_size;
  const auto all = static_cast<int64_t>(rows.size());
  operations_.upload(order_, rows.data(), all * 4);
  operations_.upload(targets_, targets.data(), all * 4);
  operations_.gather_rows({normed_final_, order_, d_normed_, hidden}, all);
  for (int64_t begin = 0; begin < all; begin += head_rows_) {
    const int64_t count = std::min(head_rows_, all - begin);
    operations_.multiply_to_f32(DeviceProduct::kABt, {count, model_.vocab_size, hidden, 0, logit_row_},
                                d_normed_ + begin * hidden, weights.head, logits_, false);
    operations_.cross_entropy({logits_, targets_ + begin, losses_ + begin, nullptr, greedy_ + begin,
                               model_.vocab_size, logit_row_, 0},
                              count);
  }
  std::vector<double> losses(rows.size());
  std::vector<uint8_t> greedy(rows.size());
  operations_.download(losses.data(), losses_, all * 8);
  operations_.download(greedy.data(), greedy_, all);
  std::vector<Likelihood> found(rows.size());
  for (size_t i = 0; i < found.size(); ++i) found[i] = {-losses[i], greedy[i] != 0};
  return found;
}

template class DeviceTransformer<float>;
template class DeviceTransformer<DeviceBf16>;

}  // namespace templar
