// What attention over sequences and attention over trees of tokens share: packing rotated heads, softmax, a
// head's forward pass. Included once for each processor target, from inside Highway's foreach_target.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "engine/cpu/kernels/attention.h"

// NOLINTNEXTLINE
#if defined(TEMPLAR_ENGINE_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TEMPLAR_ENGINE_ATTENTION_INL_H_
#undef TEMPLAR_ENGINE_ATTENTION_INL_H_
#else
#define TEMPLAR_ENGINE_ATTENTION_INL_H_
#endif

#include "engine/cpu/kernels/simd-inl.h"
#include "engine/cpu/kernels/small_product-inl.h"

// Names: t a token, h a head's dimension (padded to kPad), b a row of the block of queries.
HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

// Small enough to waste little on the masked half, large enough to feed the register tiles.
inline constexpr size_t kQueryBlock = 32;

HWY_INLINE size_t padded(size_t count) {
  return (count + kPad - 1) / kPad * kPad;
}

// A head's rows in the scratch memory: sequence and head dimension, as they are and padded.
struct HeadSize {
  size_t sequence;
  size_t head_dim;
  size_t sequence_padded;
  size_t head_padded;
};

HWY_INLINE HeadSize head_size(const AttentionShape& shape) {
  const size_t sequence = shape.sequence;
  const size_t head_dim = shape.head_dim;
  return {sequence, head_dim, padded(sequence), padded(head_dim)};
}

// to [t, h] = the rotated head times scale, the first row at that position. The padding is zero already.
template <typename Scalar>
void pack_rotated(const HeadSize& size, const RopeTable& rope, int64_t position, const Scalar* from,
                  size_t from_row, float scale, float* to) {
  const size_t half = size.head_dim / 2;
  for (size_t t = 0; t < size.sequence; ++t) {
    const float* cosines = rope.cosines(position + t);
    const float* sines = rope.sines(position + t);
    const Scalar* x = from + t * from_row;
    float* y = to + t * size.head_padded;
    for_vectors(half, [&](auto d, size_t i) HWY_ATTR {
      const auto factor = hn::Set(d, scale);
      const auto first = hn::Mul(load(d, x + i), factor);
      const auto second = hn::Mul(load(d, x + half + i), factor);
      const auto cosine = load(d, cosines + i);
      const auto sine = load(d, sines + i);
      store(d, hn::NegMulAdd(second, sine, hn::Mul(first, cosine)), y + i);
      store(d, hn::MulAdd(first, sine, hn::Mul(second, cosine)), y + half + i);
    });
  }
}

template <typename From, typename To>
void copy_rows(const HeadSize& size, const From* from, size_t from_row, To* to, size_t to_row) {
  for (size_t t = 0; t < size.sequence; ++t) {
    for_vectors(size.head_dim, [&](auto d, size_t i) HWY_ATTR {
      store(d, load(d, from + t * from_row + i), to + t * to_row + i);
    });
  }
}

// What an earlier, longer sequence left behind the last row would be multiplied by 0 probabilities, but may
// not be finite.
HWY_INLINE void clear_padding(const HeadSize& size, float* rows) {
  std::fill(rows + size.sequence * size.head_padded, rows + size.sequence_padded * size.head_padded, 0.0F);
}

// In place: scores to exp(score − highest) over the first `visible` of them, 0 for the rest of count, a
// multiple of kPad. Returns the sum, whose element i is added to lane i mod kPad.
HWY_INLINE float exponentiate(float* scores, size_t visible, size_t count, float highest) {
  const Floats d;
  constexpr size_t kLanes = hn::MaxLanes(Floats());
  constexpr size_t kChains = kPad / kLanes;
  const auto shift = hn::Set(d, highest);
  hn::Vec<Floats> sums[kChains];
  HWY_UNROLL(4)
  for (size_t v = 0; v < kChains; ++v) sums[v] = hn::Zero(d);
  size_t i = 0;
  for (; i + kPad <= visible; i += kPad) {
    HWY_UNROLL(4)
    for (size_t v = 0; v < kChains; ++v) {
      float* at = scores + i + v * kLanes;
      const auto value = exp_keeping_nan(d, hn::Sub(hn::LoadU(d, at), shift));
      sums[v] = hn::Add(sums[v], value);
      hn::StoreU(value, d, at);
    }
  }
  if (i < visible) {
    HWY_UNROLL(4)
    for (size_t v = 0; v < kChains; ++v) {
      float* at = scores + i + v * kLanes;
      const size_t its = i + v * kLanes;
      const auto value = exp_keeping_nan(d, hn::Sub(hn::LoadU(d, at), shift));
      const auto kept = hn::IfThenElseZero(hn::FirstN(d, visible - std::min(visible, its)), value);
      sums[v] = hn::Add(sums[v], kept);
      hn::StoreU(kept, d, at);
    }
    i += kPad;
  }
  for (; i < count; i += kLanes) hn::StoreU(hn::Zero(d), d, scores + i);
  return fold_lanes(sums);
}

HWY_INLINE float highest_of(const float* scores, size_t visible) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto highest = lowest;
  size_t i = 0;
  for (; i + lanes <= visible; i += lanes) highest = hn::Max(highest, hn::LoadU(d, scores + i));
  if (i < visible) {
    highest = hn::Max(highest, hn::IfThenElse(hn::FirstN(d, visible - i), hn::LoadU(d, scores + i), lowest));
  }
  return hn::GetLane(hn::MaxOfLanes(d, highest));
}

// Of the queries from position `first` to the sequence's end, with all keys up to each. queries_th, keys_ht
// and values_th begin at position 0; out and log_sums with the first query.
template <typename Scalar>
void forward_head(const HeadSize& size, size_t first, const float* queries_th, const float* keys_ht,
                  const float* values_th, float* scores_bt, float* out_bh, Scalar* out, size_t out_row,
                  float* log_sums) {
  for (size_t begin = first; begin < size.sequence; begin += kQueryBlock) {
    const size_t rows = std::min(kQueryBlock, size.sequence - begin);
    const size_t keys = begin + rows;
    const size_t columns = padded(keys);
    const SmallA queries{queries_th + begin * size.head_padded, size.head_padded, 1};
    small_product(rows, columns, size.head_dim, queries, keys_ht, size.sequence_padded, scores_bt,
                  size.sequence_padded);
    float inverse_sums[kQueryBlock];
    for (size_t b = 0; b < rows; ++b) {
      float* scores = scores_bt + b * size.sequence_padded;
      const size_t visible = begin + b + 1;
      const float highest = highest_of(scores, visible);
      const float sum = exponentiate(scores, visible, columns, highest);
      inverse_sums[b] = 1.0F / sum;
      log_sums[begin - first + b] = highest + static_cast<float>(log_of(sum));
    }
    small_product(rows, size.head_padded, keys, {scores_bt, size.sequence_padded, 1}, values_th,
                  size.head_padded, out_bh, size.head_padded);
    for (size_t b = 0; b < rows; ++b) {
      for_vectors(size.head_dim, [&](auto d, size_t i) HWY_ATTR {
        const auto value = hn::Mul(load(d, out_bh + b * size.head_padded + i), hn::Set(d, inverse_sums[b]));
        store(d, value, out + (begin - first + b) * out_row + i);
      });
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#endif  // TEMPLAR_ENGINE_ATTENTION_INL_H_
