#include "engine/cpu/decoder.h"

#include <algorithm>

#include "base/check.h"
#include "engine/cpu/kernels/rms_norm.h"
#include "engine/cpu/kernels/swiglu.h"

namespace templar {
namespace {

// A context's forward pass is padded to a multiple of this many tokens: causality keeps them from mattering,
// and kernels of few sizes need compiling.
constexpr size_t kContextGrain = 32;

void assign(float& to, float value) {
  to = value;
}
void assign(Bf16& to, float value) {
  to = to_bf16(value);
}

}  // namespace

template <typename Scalar>
Decoder<Scalar>::Decoder(const ModelSpec& model, int64_t max_sequence)
    : model_(model), max_sequence_(max_sequence) {
  const size_t hidden = model.hidden_size;
  const size_t intermediate = model.intermediate_size;
  const size_t query = model.query_width();
  const size_t key_value = model.key_value_width();
  for (int64_t layer = 0; layer < model.num_hidden_layers; ++layer) {
    keys_.emplace_back(max_sequence * key_value);
    values_.emplace_back(max_sequence * key_value);
  }
  x_ = AlignedBuffer<float>(hidden);
  attended_ = AlignedBuffer<float>(query);
  queries_ = AlignedBuffer<float>(query);
  scores_ = AlignedBuffer<float>(max_sequence);
  logits_ = AlignedBuffer<float>(model.vocab_size);
  normed_ = AlignedBuffer<Scalar>(hidden);
  qkv_ = AlignedBuffer<Scalar>(query + 2 * key_value);
  attended_scalar_ = AlignedBuffer<Scalar>(query);
  projected_ = AlignedBuffer<Scalar>(hidden);
  gate_up_ = AlignedBuffer<Scalar>(2 * intermediate);
  activated_ = AlignedBuffer<Scalar>(intermediate);
}

template <typename Scalar>
std::span<const float> Decoder<Scalar>::next_logits(Transformer<Scalar>& transformer,
                                                    const typename Transformer<Scalar>::Weights& weights,
                                                    std::span<const uint32_t> tokens) {
  CHECK(!tokens.empty() && std::ssize(tokens) <= max_sequence_);
  const bool extends = !cached_.empty() && cached_.size() < tokens.size() &&
                       std::ranges::equal(cached_, tokens.first(cached_.size()));
  if (!extends) {
    read_context(transformer, weights, tokens);
  } else {
    for (const uint32_t token : tokens.subspan(cached_.size())) append(transformer, weights, token);
  }
  return {logits_.data(), logits_.size()};
}

template <typename Scalar>
void Decoder<Scalar>::read_context(Transformer<Scalar>& transformer,
                                   const typename Transformer<Scalar>::Weights& weights,
                                   std::span<const uint32_t> tokens) {
  cached_.assign(tokens.begin(), tokens.end());
  std::vector<uint32_t> padded(tokens.begin(), tokens.end());
  const size_t grains = (tokens.size() + kContextGrain - 1) / kContextGrain;
  padded.resize(std::min<size_t>(grains * kContextGrain, max_sequence_));
  transformer.forward(weights, {padded, 1, std::ssize(padded)}, [&](int64_t layer, const Scalar* qkv) {
    keep_keys_and_values(transformer.rope(), layer, qkv);
  });
  const auto last = std::ssize(tokens) - 1;
  transformer.logits(weights, last, last + 1, logits_.data());
}

// Of the cached tokens, from the layer's queries, keys and values before rotation.
template <typename Scalar>
void Decoder<Scalar>::keep_keys_and_values(const RopeTable& rope, int64_t layer, const Scalar* qkv) {
  const int64_t head_dim = model_.head_width();
  const int64_t query = model_.query_width();
  const int64_t key_value = model_.key_value_width();
  const int64_t row = query + 2 * key_value;
  for (int64_t position = 0; position < std::ssize(cached_); ++position) {
    const Scalar* of_token = qkv + position * row + query;
    float* keys = keys_[layer].data() + position * key_value;
    float* values = values_[layer].data() + position * key_value;
    for (int64_t i = 0; i < key_value; ++i) {
      keys[i] = to_float(of_token[i]);
      values[i] = to_float(of_token[key_value + i]);
    }
    for (int64_t head = 0; head < key_value; head += head_dim)
      rotate_head(rope, position, head_dim, keys + head);
  }
}

template <typename Scalar>
void Decoder<Scalar>::append(Transformer<Scalar>& transformer,
                             const typename Transformer<Scalar>::Weights& weights, uint32_t token) {
  const auto position = std::ssize(cached_);
  cached_.push_back(token);
  const int64_t hidden = model_.hidden_size;
  const int64_t intermediate = model_.intermediate_size;
  const auto product = [&](int64_t out, int64_t in, const Scalar* x, const Scalar* matrix, auto* y) {
    transformer.products().multiply(ProductKind::kABt, {1, out, in}, x, matrix, y);
  };
  float inverse_rms = 0;
  const auto norm = [&](const Scalar* delta, const float* weight) {
    rms_norm_forward(RmsNormForward<Scalar>{.x = x_.data(),
                                            .delta = delta,
                                            .x_out = x_.data(),
                                            .weight = weight,
                                            .normed = normed_.data(),
                                            .inverse_rms = &inverse_rms,
                                            .width = hidden,
                                            .epsilon = static_cast<float>(model_.rms_norm_eps)},
                     0, 1);
  };
  std::copy_n(weights.embedding + token * hidden, hidden, x_.data());
  norm(nullptr, weights.layers.front().input_norm);
  for (size_t index = 0; index < weights.layers.size(); ++index) {
    const auto& layer = weights.layers[index];
    product(std::ssize(qkv_), hidden, normed_.data(), layer.qkv, qkv_.data());
    attend(transformer, index, position);
    product(hidden, model_.query_width(), attended_scalar_.data(), layer.output, projected_.data());
    norm(projected_.data(), layer.post_attention_norm);
    product(2 * intermediate, hidden, normed_.data(), layer.gate_up, gate_up_.data());
    swiglu_forward(SwigluForward<Scalar>{gate_up_.data(), activated_.data(), intermediate}, 0, 1);
    product(hidden, intermediate, activated_.data(), layer.down, projected_.data());
    const bool last = index + 1 == weights.layers.size();
    norm(projected_.data(), last ? weights.norm : weights.layers[index + 1].input_norm);
  }
  product(model_.vocab_size, hidden, normed_.data(), weights.head, logits_.data());
}

// Puts the new token's key and value, from qkv_, into the cache; leaves the attention's output in
// attended_scalar_.
template <typename Scalar>
void Decoder<Scalar>::attend(const Transformer<Scalar>& transformer, int64_t layer, int64_t position) {
  const int64_t head_dim = model_.head_width();
  const int64_t query = model_.query_width();
  const int64_t key_value = model_.key_value_width();
  AlignedBuffer<float>& keys = keys_[layer];
  AlignedBuffer<float>& values = values_[layer];
  float* key = keys.data() + position * key_value;
  float* value = values.data() + position * key_value;
  const Scalar* qkv = qkv_.data();
  std::transform(qkv, qkv + query, queries_.data(), [](Scalar x) { return to_float(x); });
  std::transform(qkv + query, qkv + query + key_value, key, [](Scalar x) { return to_float(x); });
  std::transform(qkv + query + key_value, qkv + query + 2 * key_value, value,
                 [](Scalar x) { return to_float(x); });
  for (int64_t head = 0; head < query; head += head_dim) {
    rotate_head(transformer.rope(), position, head_dim, queries_.data() + head);
  }
  for (int64_t head = 0; head < key_value; head += head_dim)
    rotate_head(transformer.rope(), position, head_dim, key + head);
  attention_step(
      {.shape = {1, position + 1, model_.num_attention_heads, model_.num_key_value_heads, head_dim},
       .queries = queries_.data(),
       .keys = keys.data(),
       .values = values.data(),
       .positions = position + 1,
       .scores = scores_.data(),
       .out = attended_.data()});
  for (size_t i = 0; i < attended_.size(); ++i) assign(attended_scalar_[i], attended_[i]);
}

template class Decoder<float>;
template class Decoder<Bf16>;

}  // namespace templar
