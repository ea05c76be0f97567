// Causal grouped-query attention, plain: for shapes and precisions that cuDNN does not take, and as its
// check. Queries and keys are already rotated. Each row's sums are made in a fixed order, so the bits are the
// same each time.
#pragma once

#include "engine/device/element_math.h"

namespace templar {

// qkv [tokens, qkv_row]; out [tokens, heads·head_dim]; log_sums [batch, heads, sequence]: the logarithm of
// each softmax's denominator. The backward pass reads these and d_out, and writes all of d_qkv.
template <typename Scalar>
struct DeviceAttention {
  DeviceAttentionShape shape;
  const Scalar* qkv;
  Scalar* out;
  float* log_sums;
  const Scalar* d_out;
  Scalar* d_qkv;
};

// Floats of working memory that a group needs for a row.
TEMPLAR_DEVICE int64_t attention_scratch(const DeviceAttentionShape& shape) {
  return 2 * shape.sequence + 2 * shape.head_dim;
}

// Where in a token's row its query, key or value of a head begins.
struct HeadPlaces {
  int64_t query;
  int64_t key;
  int64_t value;
};

TEMPLAR_DEVICE HeadPlaces places_of_head(const DeviceAttentionShape& shape, int64_t head) {
  const int64_t kv_head = head / (shape.heads / shape.kv_heads);
  return {head * shape.head_dim, (shape.heads + kv_head) * shape.head_dim,
          (shape.heads + shape.kv_heads + kv_head) * shape.head_dim};
}

template <typename Scalar>
TEMPLAR_DEVICE float dot_of(const Scalar* a, const Scalar* b, int64_t count) {
  float sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += to_f32(a[i]) * to_f32(b[i]);
  return sum;
}

// One row: a query of a head; there are batch · heads · sequence.
TEMPLAR_ANY_GROUP template <typename Scalar, typename Group>
TEMPLAR_DEVICE void attention_forward_row(const DeviceAttention<Scalar>& attention, int64_t item,
                                          float* scratch, Group& group) {
  const DeviceAttentionShape& shape = attention.shape;
  const int64_t position = item % shape.sequence;
  const int64_t head = item / shape.sequence % shape.heads;
  const int64_t first_token = item / shape.sequence / shape.heads * shape.sequence;
  const int64_t row = shape.qkv_row();
  const HeadPlaces at = places_of_head(shape, head);
  const Scalar* sequence = attention.qkv + first_token * row;
  const float scale = 1.0F / sqrtf(static_cast<float>(shape.head_dim));
  float highest = -INFINITY;
  for (int64_t key = group.rank(); key <= position; key += group.size()) {
    const float score =
        scale * dot_of(sequence + position * row + at.query, sequence + key * row + at.key, shape.head_dim);
    scratch[key] = score;
    highest = fmaxf(highest, score);
  }
  highest = group.max(highest);
  float sum = 0;
  for (int64_t key = group.rank(); key <= position; key += group.size()) {
    scratch[key] = expf(scratch[key] - highest);
    sum += scratch[key];
  }
  sum = group.sum(sum);
  group.wait();
  Scalar* out =
      attention.out + (first_token + position) * shape.heads * shape.head_dim + head * shape.head_dim;
  for (int64_t i = group.rank(); i < shape.head_dim; i += group.size()) {
    float mixed = 0;
    for (int64_t key = 0; key <= position; ++key) {
      mixed += scratch[key] * to_f32(sequence[key * row + at.value + i]);
    }
    assign(out[i], mixed / sum);
  }
  if (group.rank() == 0) attention.log_sums[item] = highest + logf(sum);
  group.wait();
}

// The probability of a query's looking at a key, and the gradient of that score before scaling.
template <typename Scalar>
struct ScoreGradient {
  const DeviceAttention<Scalar>& attention;
  int64_t first_token;
  int64_t head;
  HeadPlaces at;

  struct Pair {
    float probability;
    float d_score;
  };
  TEMPLAR_DEVICE const Scalar* head_of(const Scalar* rows, int64_t token) const {
    const DeviceAttentionShape& shape = attention.shape;
    return rows + ((first_token + token) * shape.heads + head) * shape.head_dim;
  }
  TEMPLAR_DEVICE Pair of(int64_t query, int64_t key) const {
    const DeviceAttentionShape& shape = attention.shape;
    const Scalar* query_row = attention.qkv + (first_token + query) * shape.qkv_row();
    const Scalar* key_row = attention.qkv + (first_token + key) * shape.qkv_row();
    const float scale = 1.0F / sqrtf(static_cast<float>(shape.head_dim));
    const float score = scale * dot_of(query_row + at.query, key_row + at.key, shape.head_dim);
    const int64_t stats = (first_token / shape.sequence * shape.heads + head) * shape.sequence + query;
    const float probability = expf(score - attention.log_sums[stats]);
    const Scalar* d_out = head_of(attention.d_out, query);
    const float d_probability = dot_of(d_out, key_row + at.value, shape.head_dim);
    const float mean = dot_of(d_out, head_of(attention.out, query), shape.head_dim);
    return {probability, probability * (d_probability - mean) * scale};
  }
};

// The gradient of one query; items as of the forward pass.
TEMPLAR_ANY_GROUP template <typename Scalar, typename Group>
TEMPLAR_DEVICE void attention_backward_query(const DeviceAttention<Scalar>& attention, int64_t item,
                                             float* scratch, Group& group) {
  const DeviceAttentionShape& shape = attention.shape;
  const int64_t position = item % shape.sequence;
  const int64_t head = item / shape.sequence % shape.heads;
  const int64_t first_token = item / shape.sequence / shape.heads * shape.sequence;
  const HeadPlaces at = places_of_head(shape, head);
  const ScoreGradient<Scalar> gradient{attention, first_token, head, at};
  for (int64_t key = group.rank(); key <= position; key += group.size()) {
    scratch[key] = gradient.of(position, key).d_score;
  }
  group.wait();
  const Scalar* keys = attention.qkv + first_token * shape.qkv_row() + at.key;
  Scalar* d_query = attention.d_qkv + (first_token + position) * shape.qkv_row() + at.query;
  for (int64_t i = group.rank(); i < shape.head_dim; i += group.size()) {
    float sum = 0;
    for (int64_t key = 0; key <= position; ++key)
      sum += scratch[key] * to_f32(keys[key * shape.qkv_row() + i]);
    assign(d_query[i], sum);
  }
  group.wait();
}

// The gradients of one key and its value; there are batch · kv_heads · sequence items.
TEMPLAR_ANY_GROUP template <typename Scalar, typename Group>
TEMPLAR_DEVICE void attention_backward_key(const DeviceAttention<Scalar>& attention, int64_t item,
                                           float* scratch, Group& group) {
  const DeviceAttentionShape& shape = attention.shape;
  const int64_t position = item % shape.sequence;
  const int64_t kv_head = item / shape.sequence % shape.kv_heads;
  const int64_t first_token = item / shape.sequence / shape.kv_heads * shape.sequence;
  const int64_t group_heads = shape.heads / shape.kv_heads;
  float* probabilities = scratch;
  float* d_scores = scratch + shape.sequence;
  float* d_key = scratch + 2 * shape.sequence;
  float* d_value = d_key + shape.head_dim;
  for (int64_t i = group.rank(); i < shape.head_dim; i += group.size()) d_key[i] = d_value[i] = 0;
  for (int64_t head = kv_head * group_heads; head < (kv_head + 1) * group_heads; ++head) {
    const ScoreGradient<Scalar> gradient{attention, first_token, head, places_of_head(shape, head)};
    for (int64_t query = position + group.rank(); query < shape.sequence; query += group.size()) {
      const auto pair = gradient.of(query, position);
      probabilities[query] = pair.probability;
      d_scores[query] = pair.d_score;
    }
    group.wait();
    for (int64_t i = group.rank(); i < shape.head_dim; i += group.size()) {
      for (int64_t query = position; query < shape.sequence; ++query) {
        const Scalar* query_row = attention.qkv + (first_token + query) * shape.qkv_row();
        d_key[i] += d_scores[query] * to_f32(query_row[gradient.at.query + i]);
        d_value[i] += probabilities[query] * to_f32(gradient.head_of(attention.d_out, query)[i]);
      }
    }
    group.wait();
  }
  const HeadPlaces at = places_of_head(shape, kv_head * group_heads);
  Scalar* row = attention.d_qkv + (first_token + position) * shape.qkv_row();
  for (int64_t i = group.rank(); i < shape.head_dim; i += group.size()) {
    assign(row[at.key + i], d_key[i]);
    assign(row[at.value + i], d_value[i]);
  }
  group.wait();
}

}  // namespace templar
