// Causal self-attention with rotary embedding and grouped queries, forward and backward, a block of queries
// at a time: the matrix of scores is never stored, and its masked half is not computed beyond a block's edge.
#pragma once

#include <cstdint>

#include "base/bfloat16.h"
#include "engine/cpu/kernels/aligned_buffer.h"
#include "engine/cpu/kernels/rope.h"

namespace templar {

struct AttentionShape {
  int64_t batch = 0;
  int64_t sequence = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // divides heads; query head h reads key and value head h / (heads / kv_heads)
  int64_t head_dim = 0;  // even

  // A token's row of q, k and v values, in this order.
  [[nodiscard]] int64_t qkv_row() const { return (heads + 2 * kv_heads) * head_dim; }
  // Parts that can be computed at once: one a sequence and key head.
  [[nodiscard]] int64_t units() const { return batch * kv_heads; }
};

// A thread's working memory.
class AttentionScratch {
 public:
  AttentionScratch(int64_t max_sequence, int64_t head_dim);
  [[nodiscard]] static int64_t memory_bytes(int64_t max_sequence, int64_t head_dim);

  AlignedBuffer<float> queries, keys, values, d_out;  // [sequence, head_dim], rotated, queries scaled
  AlignedBuffer<float> keys_t, values_t;              // [head_dim, sequence]
  AlignedBuffer<float> d_queries, d_keys, d_values;   // [sequence, head_dim]
  AlignedBuffer<float> scores, d_scores;              // [a block of queries, sequence]
};

// qkv [batch·sequence, qkv_row] before rotation; out [batch·sequence, heads·head_dim]; log_sums [batch,
// heads, sequence]: the logarithm of each softmax's denominator, which the backward pass reads.
template <typename Scalar>
struct AttentionForward {
  AttentionShape shape;
  const Scalar* qkv;
  const RopeTable* rope;
  Scalar* out;
  float* log_sums;
};
void attention_forward(const AttentionForward<float>& attention, int64_t unit, AttentionScratch& scratch);
void attention_forward(const AttentionForward<Bf16>& attention, int64_t unit, AttentionScratch& scratch);

// d_qkv has qkv's form and is written whole.
template <typename Scalar>
struct AttentionBackward {
  AttentionShape shape;
  const Scalar* qkv;
  const RopeTable* rope;
  const float* log_sums;
  const Scalar* d_out;
  Scalar* d_qkv;
};
void attention_backward(const AttentionBackward<float>& attention, int64_t unit, AttentionScratch& scratch);
void attention_backward(const AttentionBackward<Bf16>& attention, int64_t unit, AttentionScratch& scratch);

// One new token's queries [heads·head_dim], already rotated, against the keys and values of all tokens up to
// it, each [positions, kv_heads·head_dim]; scores [positions] is working memory. out [heads·head_dim].
struct AttentionStep {
  AttentionShape shape;
  const float* queries;
  const float* keys;
  const float* values;
  int64_t positions;
  float* scores;
  float* out;
};
void attention_step(const AttentionStep& step);

// Rotates one token's head in place.
void rotate_head(const RopeTable& rope, int64_t position, int64_t head_dim, float* head);

}  // namespace templar
