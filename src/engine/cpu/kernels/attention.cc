#include "engine/cpu/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/attention.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

// The same backwards: to = the gradient of what pack_rotated read.
template <typename Scalar>
void unpack_rotated(const HeadSize& size, const RopeTable& rope, const float* from, float scale, Scalar* to,
                    size_t to_row) {
  const size_t half = size.head_dim / 2;
  for (size_t t = 0; t < size.sequence; ++t) {
    const float* cosines = rope.cosines(t);
    const float* sines = rope.sines(t);
    const float* y = from + t * size.head_padded;
    Scalar* x = to + t * to_row;
    for_vectors(half, [&](auto d, size_t i) HWY_ATTR {
      const auto factor = hn::Set(d, scale);
      const auto first = hn::Mul(load(d, y + i), factor);
      const auto second = hn::Mul(load(d, y + half + i), factor);
      const auto cosine = load(d, cosines + i);
      const auto sine = load(d, sines + i);
      store(d, hn::MulAdd(second, sine, hn::Mul(first, cosine)), x + i);
      store(d, hn::NegMulAdd(first, sine, hn::Mul(second, cosine)), x + half + i);
    });
  }
}

template <typename Scalar>
void forward_unit(const AttentionForward<Scalar>& attention, int64_t unit, AttentionScratch& scratch) {
  const AttentionShape& shape = attention.shape;
  const HeadSize size = head_size(shape);
  const int64_t sequence_index = unit / shape.kv_heads;
  const int64_t kv_head = unit % shape.kv_heads;
  const size_t qkv_row = shape.qkv_row();
  const size_t out_row = shape.heads * shape.head_dim;
  const Scalar* qkv = attention.qkv + sequence_index * shape.sequence * shape.qkv_row();

  clear_padding(size, scratch.keys.data());
  pack_rotated(size, *attention.rope, 0, qkv + (shape.heads + kv_head) * shape.head_dim, qkv_row, 1.0F,
               scratch.keys.data());
  transpose(size.sequence_padded, size.head_padded, scratch.keys.data(), size.head_padded,
            scratch.keys_t.data(), size.sequence_padded);
  copy_rows(size, qkv + (shape.heads + shape.kv_heads + kv_head) * shape.head_dim, qkv_row,
            scratch.values.data(), size.head_padded);
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  const int64_t group = shape.heads / shape.kv_heads;
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    pack_rotated(size, *attention.rope, 0, qkv + head * shape.head_dim, qkv_row, scale,
                 scratch.queries.data());
    Scalar* out = attention.out + sequence_index * shape.sequence * shape.heads * shape.head_dim +
                  head * shape.head_dim;
    float* log_sums = attention.log_sums + (sequence_index * shape.heads + head) * shape.sequence;
    forward_head(size, 0, scratch.queries.data(), scratch.keys_t.data(), scratch.values.data(),
                 scratch.scores.data(), scratch.d_scores.data(), out, out_row, log_sums);
  }
}

// Row of the softmax's gradient: with p the probabilities and g their gradient, in place of g: p·(g − Σ p·g).
HWY_INLINE void softmax_backward(const float* probabilities, float* gradient, size_t count) {
  const Floats d;
  const float dot = sum_vectors(count, [&](auto tag, size_t i) HWY_ATTR {
    return hn::Mul(load(tag, probabilities + i), load(tag, gradient + i));
  });
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto centred = hn::Sub(hn::LoadU(d, gradient + i), hn::Set(d, dot));
    hn::StoreU(hn::Mul(hn::LoadU(d, probabilities + i), centred), d, gradient + i);
  }
}

// Adds this head's part to d_keys and d_values, writes d_queries; all [t, h], gradients of the packed values.
void backward_head(const HeadSize& size, const float* log_sums, AttentionScratch& scratch) {
  const size_t wide = size.sequence_padded;
  const size_t narrow = size.head_padded;
  float* scores_bt = scratch.scores.data();
  float* d_scores_bt = scratch.d_scores.data();
  for (size_t begin = 0; begin < size.sequence; begin += kQueryBlock) {
    const size_t rows = std::min(kQueryBlock, size.sequence - begin);
    const size_t keys = begin + rows;
    const size_t columns = padded(keys);
    const float* queries = scratch.queries.data() + begin * narrow;
    const float* d_out = scratch.d_out.data() + begin * narrow;
    small_product(rows, columns, size.head_dim, {queries, narrow, 1}, scratch.keys_t.data(), wide, scores_bt,
                  wide);
    small_product(rows, columns, size.head_dim, {d_out, narrow, 1}, scratch.values_t.data(), wide,
                  d_scores_bt, wide);
    for (size_t b = 0; b < rows; ++b) {
      (void)exponentiate(scores_bt + b * wide, begin + b + 1, columns, log_sums[begin + b]);
      softmax_backward(scores_bt + b * wide, d_scores_bt + b * wide, columns);
    }
    small_product(rows, narrow, keys, {d_scores_bt, wide, 1}, scratch.keys.data(), narrow,
                  scratch.d_queries.data() + begin * narrow, narrow);
    small_product(keys, narrow, rows, {d_scores_bt, 1, wide}, queries, narrow, scratch.d_keys.data(), narrow,
                  true);
    small_product(keys, narrow, rows, {scores_bt, 1, wide}, d_out, narrow, scratch.d_values.data(), narrow,
                  true);
  }
}

template <typename Scalar>
void backward_unit(const AttentionBackward<Scalar>& attention, int64_t unit, AttentionScratch& scratch) {
  const AttentionShape& shape = attention.shape;
  const RopeTable& rope = *attention.rope;
  const HeadSize size = head_size(shape);
  const int64_t sequence_index = unit / shape.kv_heads;
  const int64_t kv_head = unit % shape.kv_heads;
  const size_t qkv_row = shape.qkv_row();
  const size_t out_row = shape.heads * shape.head_dim;
  const int64_t key_column = (shape.heads + kv_head) * shape.head_dim;
  const int64_t value_column = key_column + shape.kv_heads * shape.head_dim;
  const Scalar* qkv = attention.qkv + sequence_index * shape.sequence * shape.qkv_row();
  Scalar* d_qkv = attention.d_qkv + sequence_index * shape.sequence * shape.qkv_row();

  clear_padding(size, scratch.keys.data());
  clear_padding(size, scratch.values.data());
  pack_rotated(size, rope, 0, qkv + key_column, qkv_row, 1.0F, scratch.keys.data());
  copy_rows(size, qkv + value_column, qkv_row, scratch.values.data(), size.head_padded);
  transpose(size.sequence_padded, size.head_padded, scratch.keys.data(), size.head_padded,
            scratch.keys_t.data(), size.sequence_padded);
  transpose(size.sequence_padded, size.head_padded, scratch.values.data(), size.head_padded,
            scratch.values_t.data(), size.sequence_padded);
  std::fill_n(scratch.d_keys.data(), size.sequence * size.head_padded, 0.0F);
  std::fill_n(scratch.d_values.data(), size.sequence * size.head_padded, 0.0F);
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  const int64_t group = shape.heads / shape.kv_heads;
  for (int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    pack_rotated(size, rope, 0, qkv + head * shape.head_dim, qkv_row, scale, scratch.queries.data());
    const Scalar* d_out = attention.d_out + sequence_index * shape.sequence * shape.heads * shape.head_dim +
                          head * shape.head_dim;
    copy_rows(size, d_out, out_row, scratch.d_out.data(), size.head_padded);
    backward_head(size, attention.log_sums + (sequence_index * shape.heads + head) * shape.sequence, scratch);
    unpack_rotated(size, rope, scratch.d_queries.data(), scale, d_qkv + head * shape.head_dim, qkv_row);
  }
  unpack_rotated(size, rope, scratch.d_keys.data(), 1.0F, d_qkv + key_column, qkv_row);
  copy_rows(size, scratch.d_values.data(), size.head_padded, d_qkv + value_column, qkv_row);
}

void attend_one(const AttentionStep& step) {
  const AttentionShape& shape = step.shape;
  const size_t head_dim = shape.head_dim;
  const int64_t row = shape.kv_heads * shape.head_dim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  for (int64_t head = 0; head < shape.heads; ++head) {
    const int64_t column = head / (shape.heads / shape.kv_heads) * shape.head_dim;
    const float* query = step.queries + head * shape.head_dim;
    float* out = step.out + head * shape.head_dim;
    float highest = -std::numeric_limits<float>::infinity();
    for (int64_t t = 0; t < step.positions; ++t) {
      const float* key = step.keys + t * row + column;
      const float dot = sum_vectors(
          head_dim, [&](auto d, size_t i) HWY_ATTR { return hn::Mul(load(d, query + i), load(d, key + i)); });
      step.scores[t] = dot * scale;
      highest = std::max(highest, step.scores[t]);
    }
    const float sum = sum_vectors(step.positions, [&](auto d, size_t t) HWY_ATTR {
      const auto exponential = exp_keeping_nan(d, hn::Sub(load(d, step.scores + t), hn::Set(d, highest)));
      store(d, exponential, step.scores + t);
      return exponential;
    });
    std::fill_n(out, head_dim, 0.0F);
    for (int64_t t = 0; t < step.positions; ++t) {
      const float weight = step.scores[t] / sum;
      const float* value = step.values + t * row + column;
      for_vectors(head_dim, [&](auto d, size_t i) HWY_ATTR {
        store(d, hn::MulAdd(hn::Set(d, weight), load(d, value + i), load(d, out + i)), out + i);
      });
    }
  }
}

void attention_forward_f32(const AttentionForward<float>& attention, int64_t unit,
                           AttentionScratch& scratch) {
  forward_unit(attention, unit, scratch);
}
void attention_forward_bf16(const AttentionForward<Bf16>& attention, int64_t unit,
                            AttentionScratch& scratch) {
  forward_unit(attention, unit, scratch);
}
void attention_backward_f32(const AttentionBackward<float>& attention, int64_t unit,
                            AttentionScratch& scratch) {
  backward_unit(attention, unit, scratch);
}
void attention_backward_bf16(const AttentionBackward<Bf16>& attention, int64_t unit,
                             AttentionScratch& scratch) {
  backward_unit(attention, unit, scratch);
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

constexpr int64_t kScratchPad = 64;

size_t scratch_count(int64_t rows, int64_t columns) {
  const auto round_up = [](int64_t count) { return (count + kScratchPad - 1) / kScratchPad * kScratchPad; };
  return round_up(rows) * round_up(columns);
}

}  // namespace

HWY_EXPORT(attention_forward_f32);
HWY_EXPORT(attention_forward_bf16);
HWY_EXPORT(attention_backward_f32);
HWY_EXPORT(attention_backward_bf16);
HWY_EXPORT(attend_one);

AttentionScratch::AttentionScratch(int64_t max_sequence, int64_t head_dim)
    : queries(scratch_count(max_sequence, head_dim)),
      keys(queries.size()),
      values(queries.size()),
      d_out(queries.size()),
      keys_t(queries.size()),
      values_t(queries.size()),
      d_queries(queries.size()),
      d_keys(queries.size()),
      d_values(queries.size()),
      scores(scratch_count(kScratchPad, max_sequence)),
      d_scores(scratch_count(kScratchPad, std::max(max_sequence, head_dim))) {}

int64_t AttentionScratch::memory_bytes(int64_t max_sequence, int64_t head_dim) {
  constexpr int64_t kOfHeads = 9;  // buffers of a head's rows
  const size_t of_scores =
      scratch_count(kScratchPad, max_sequence) + scratch_count(kScratchPad, std::max(max_sequence, head_dim));
  return (kOfHeads * static_cast<int64_t>(scratch_count(max_sequence, head_dim)) +
          static_cast<int64_t>(of_scores)) *
         static_cast<int64_t>(sizeof(float));
}

void attention_forward(const AttentionForward<float>& attention, int64_t unit, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(attention_forward_f32)(attention, unit, scratch);
}
void attention_forward(const AttentionForward<Bf16>& attention, int64_t unit, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(attention_forward_bf16)(attention, unit, scratch);
}
void attention_backward(const AttentionBackward<float>& attention, int64_t unit, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(attention_backward_f32)(attention, unit, scratch);
}
void attention_backward(const AttentionBackward<Bf16>& attention, int64_t unit, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(attention_backward_bf16)(attention, unit, scratch);
}
void attention_step(const AttentionStep& step) {
  HWY_DYNAMIC_DISPATCH(attend_one)(step);
}

void rotate_head(const RopeTable& rope, int64_t position, int64_t head_dim, float* head) {
  const int64_t half = head_dim / 2;
  const float* cosines = rope.cosines(position);
  const float* sines = rope.sines(position);
  for (int64_t i = 0; i < half; ++i) {
    const float first = head[i];
    const float second = head[half + i];
    head[i] = first * cosines[i] - second * sines[i];
    head[half + i] = second * cosines[i] + first * sines[i];
  }
}

}  // namespace templar
#endif  // HWY_ONCE
