// What is computed value by value: rotary embedding, SwiGLU, AdamW, the embedding's rows.
#pragma once

#include "engine/device/portable.h"

namespace templar {

// A token's row of q, k and v values: heads, then kv_heads, then kv_heads again, each of head_dim values.
struct DeviceAttentionShape {
  int64_t batch = 0;
  int64_t sequence = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;  // divides heads; query head h reads key and value head h / (heads / kv_heads)
  int64_t head_dim = 0;  // even

  TEMPLAR_DEVICE int64_t qkv_row() const { return (heads + 2 * kv_heads) * head_dim; }
  TEMPLAR_DEVICE int64_t tokens() const { return batch * sequence; }
  bool operator==(const DeviceAttentionShape&) const = default;
};

// Rotary embedding (Su et al. 2021) by halves, in place, of q and k in qkv [tokens, qkv_row]: a pair (x1, x2)
// of the halves of a head becomes (x1·cos − x2·sin, x2·cos + x1·sin). direction −1 turns back: the gradient.
template <typename Scalar>
struct Rope {
  DeviceAttentionShape shape;
  Scalar* qkv;
  const float* cosines;  // [positions, head_dim / 2]
  const float* sines;
  float direction;
};

// Work item: kPack neighbouring pairs of one head of one token; there are tokens · (heads + kv_heads) · half
// / kPack.
template <int kPack, typename Scalar>
TEMPLAR_DEVICE void rotate_pairs(const Rope<Scalar>& rope, int64_t item) {
  const int64_t half = rope.shape.head_dim / 2;
  const int64_t packs = half / kPack;
  const int64_t rotated = rope.shape.heads + rope.shape.kv_heads;
  const Division of_head = divide(item, packs);
  const Division of_token = divide(of_head.quotient, rotated);
  const int64_t at = of_head.remainder * kPack;
  const int64_t head = of_token.remainder;
  const int64_t token = of_token.quotient;
  const int64_t angle = divide(token, rope.shape.sequence).remainder * half + at;
  Scalar* low = rope.qkv + token * rope.shape.qkv_row() + head * rope.shape.head_dim + at;
  Scalar* high = low + half;
  const auto x1 = load_pack<kPack>(static_cast<const Scalar*>(low));
  const auto x2 = load_pack<kPack>(static_cast<const Scalar*>(high));
  const auto cosine = load_pack<kPack>(rope.cosines + angle);
  const auto sine = load_pack<kPack>(rope.sines + angle);
  float out1[kPack];
  float out2[kPack];
  for (int i = 0; i < kPack; ++i) {
    const float a = to_f32(x1.values[i]);
    const float b = to_f32(x2.values[i]);
    const float s = rope.direction * sine.values[i];
    out1[i] = a * cosine.values[i] - b * s;
    out2[i] = b * cosine.values[i] + a * s;
  }
  store_pack(low, out1);
  store_pack(high, out2);
}

// SwiGLU (Shazeer 2020). gate_up [rows, 2·width]: a row's gate values, then its up values; activated [rows,
// width] = silu(gate) · up. Backward: d_gate_up may be gate_up itself.
template <typename Scalar>
struct Swiglu {
  const Scalar* gate_up;
  Scalar* activated;          // written by the forward pass
  const Scalar* d_activated;  // of the backward pass only, as is the next
  Scalar* d_gate_up;
  int64_t width;
};

TEMPLAR_DEVICE float sigmoid_of(float x) {
  return 1.0F / (1.0F + expf(-x));
}

// Work item: kPack neighbouring values of a row; there are rows · width / kPack.
template <int kPack, typename Scalar>
TEMPLAR_DEVICE void swiglu_forward_pack(const Swiglu<Scalar>& swiglu, int64_t item) {
  const Division place = divide(item, swiglu.width / kPack);
  const int64_t row = place.quotient;
  const int64_t at = place.remainder * kPack;
  const Scalar* gate = swiglu.gate_up + row * 2 * swiglu.width + at;
  const auto gates = load_pack<kPack>(gate);
  const auto ups = load_pack<kPack>(gate + swiglu.width);
  float out[kPack];
  for (int i = 0; i < kPack; ++i) {
    const float x = to_f32(gates.values[i]);
    out[i] = x * sigmoid_of(x) * to_f32(ups.values[i]);
  }
  store_pack(swiglu.activated + row * swiglu.width + at, out);
}

// silu'(x) = s·(1 + x·(1 − s)) with s = sigmoid(x).
template <int kPack, typename Scalar>
TEMPLAR_DEVICE void swiglu_backward_pack(const Swiglu<Scalar>& swiglu, int64_t item) {
  const Division place = divide(item, swiglu.width / kPack);
  const int64_t row = place.quotient;
  const int64_t at = place.remainder * kPack;
  const int64_t gate_at = row * 2 * swiglu.width + at;
  const auto gates = load_pack<kPack>(swiglu.gate_up + gate_at);
  const auto ups = load_pack<kPack>(swiglu.gate_up + gate_at + swiglu.width);
  const auto upstreams = load_pack<kPack>(swiglu.d_activated + row * swiglu.width + at);
  float d_gate[kPack];
  float d_up[kPack];
  for (int i = 0; i < kPack; ++i) {
    const float x = to_f32(gates.values[i]);
    const float upstream = to_f32(upstreams.values[i]);
    const float s = sigmoid_of(x);
    d_gate[i] = upstream * to_f32(ups.values[i]) * (s * (1.0F + x * (1.0F - s)));
    d_up[i] = upstream * (x * s);
  }
  store_pack(swiglu.d_gate_up + gate_at, d_gate);
  store_pack(swiglu.d_gate_up + gate_at + swiglu.width, d_up);
}

// AdamW (Loshchilov, Hutter 2019) as torch.optim.AdamW computes it; the factors are those of adamw_factors().
template <typename Scalar>
struct AdamwStep {
  float* parameters;
  Scalar* rounded;  // the copy that matrix products read, not written where null
  const float* gradients;
  float* first_moment;
  float* second_moment;
  float gradient_scale;
  float weight_keep;
  float step_size;
  float second_scale;
  float beta1;
  float beta2;
  float epsilon;
};

template <int kPack, typename Scalar>
TEMPLAR_DEVICE void adamw_pack(const AdamwStep<Scalar>& step, int64_t item) {
  const int64_t at = item * kPack;
  const auto gradients = load_pack<kPack>(step.gradients + at);
  const auto firsts = load_pack<kPack>(static_cast<const float*>(step.first_moment + at));
  const auto seconds = load_pack<kPack>(static_cast<const float*>(step.second_moment + at));
  const auto parameters = load_pack<kPack>(static_cast<const float*>(step.parameters + at));
  float first[kPack];
  float second[kPack];
  float parameter[kPack];
  for (int i = 0; i < kPack; ++i) {
    const float gradient = gradients.values[i] * step.gradient_scale;
    first[i] = step.beta1 * firsts.values[i] + (1.0F - step.beta1) * gradient;
    second[i] = step.beta2 * seconds.values[i] + (1.0F - step.beta2) * (gradient * gradient);
    const float root = sqrtf(second[i]) * step.second_scale + step.epsilon;
    parameter[i] = parameters.values[i] * step.weight_keep - step.step_size * (first[i] / root);
  }
  store_pack(step.first_moment + at, first);
  store_pack(step.second_moment + at, second);
  store_pack(step.parameters + at, parameter);
  if (step.rounded != nullptr) store_pack(step.rounded + at, parameter);
}

// x [tokens, width] = the table's rows [vocab, width].
template <typename Scalar>
struct Embedding {
  const uint32_t* tokens;
  const float* table;
  Scalar* x;
  int64_t width;
};

template <int kPack, typename Scalar>
TEMPLAR_DEVICE void embed_pack(const Embedding<Scalar>& embedding, int64_t item) {
  const Division place = divide(item, embedding.width / kPack);
  const int64_t row = place.quotient;
  const int64_t at = place.remainder * kPack;
  const auto values = load_pack<kPack>(embedding.table + embedding.tokens[row] * embedding.width + at);
  store_pack(embedding.x + row * embedding.width + at, values.values);
}

// The table's gradient: the rows of d_x of each token that occurs, added to its row of d_table in the order
// that `order` lists them, so that the sum is the same each time.
template <typename Scalar>
struct EmbeddingBackward {
  const Scalar* d_x;       // [tokens, width]
  const uint32_t* order;   // rows of d_x, those of one token side by side
  const uint32_t* begins;  // where each token's rows begin in `order`, and the end of the last
  const uint32_t* ids;     // the tokens
  int64_t count;           // of ids
  float* d_table;
  int64_t width;
};

// Work item: kPack columns of one token.
template <int kPack, typename Scalar>
TEMPLAR_DEVICE void embed_backward_pack(const EmbeddingBackward<Scalar>& embedding, int64_t item) {
  const Division place = divide(item, embedding.width / kPack);
  const int64_t token = place.quotient;
  const int64_t at = place.remainder * kPack;
  float* to = embedding.d_table + static_cast<int64_t>(embedding.ids[token]) * embedding.width + at;
  float sums[kPack];
  const auto before = load_pack<kPack>(static_cast<const float*>(to));
  for (int i = 0; i < kPack; ++i) sums[i] = before.values[i];
  for (uint32_t next = embedding.begins[token]; next < embedding.begins[token + 1]; ++next) {
    const auto row =
        load_pack<kPack>(embedding.d_x + static_cast<int64_t>(embedding.order[next]) * embedding.width + at);
    for (int i = 0; i < kPack; ++i) sums[i] += to_f32(row.values[i]);
  }
  store_pack(to, sums);
}

// Rows [count, width] of `from` that `rows` names, side by side.
template <typename Scalar>
struct GatherRows {
  const Scalar* from;
  const uint32_t* rows;
  Scalar* to;
  int64_t width;
};

template <int kPack, typename Scalar>
TEMPLAR_DEVICE void gather_pack(const GatherRows<Scalar>& gather, int64_t item) {
  const Division place = divide(item, gather.width / kPack);
  const int64_t row = place.quotient;
  const int64_t at = place.remainder * kPack;
  *reinterpret_cast<Pack<Scalar, kPack>*>(gather.to + row * gather.width + at) =
      load_pack<kPack>(gather.from + static_cast<int64_t>(gather.rows[row]) * gather.width + at);
}

}  // namespace templar
