// What the vector kernels share: loads and stores of f32 and bf16 as f32 vectors, loops with a tail. Included
// once for each kind of processor (a target), from inside Highway's foreach_target.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/bfloat16.h"

// NOLINTNEXTLINE
#if defined(TEMPLAR_ENGINE_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TEMPLAR_ENGINE_SIMD_INL_H_
#undef TEMPLAR_ENGINE_SIMD_INL_H_
#else
#define TEMPLAR_ENGINE_SIMD_INL_H_
#endif

#include <hwy/highway.h>
// After highway.h, whose target it needs.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using OneFloat = hn::CappedTag<float, 1>;

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* from) {
  return hn::LoadU(d, from);
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const Bf16* from) {
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  const auto bits = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, bits)));
}

template <class D>
HWY_INLINE void store(D d, hn::Vec<D> value, float* to) {
  hn::StoreU(value, d, to);
}

// As to_bf16 does it.
template <class D>
HWY_INLINE void store([[maybe_unused]] D d, hn::Vec<D> value, Bf16* to) {
  const hn::Rebind<uint16_t, D> d16;
  const hn::RebindToUnsigned<D> d32;
  const auto bits = hn::BitCast(d32, value);
  const auto lowest_kept = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1U));
  const auto rounded = hn::Add(bits, hn::Add(lowest_kept, hn::Set(d32, 0x7fffU)));
  const auto quiet = hn::Or(bits, hn::Set(d32, 0x400000U));
  const auto kept = hn::IfThenElse(hn::RebindMask(d32, hn::IsNaN(value)), quiet, rounded);
  hn::StoreU(hn::TruncateTo(d16, hn::ShiftRight<16>(kept)), d16, reinterpret_cast<uint16_t*>(to));
}

// Highway's Exp makes 0 of a NaN, which would hide it from the loss.
template <class D>
HWY_INLINE hn::Vec<D> exp_keeping_nan(D d, hn::Vec<D> x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));
}

// Calls step(tag, index) for all of [0, count): whole vectors first, then the rest one by one.
template <class Step>
HWY_INLINE void for_vectors(size_t count, const Step& step) {
  const Floats d;
  const OneFloat one;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) step(d, i);
  for (; i < count; ++i) step(one, i);
}

// The largest value; -infinity where count is 0. A NaN may be skipped or not.
HWY_INLINE float max_of(const float* values, size_t count) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  float highest = -std::numeric_limits<float>::infinity();
  size_t i = 0;
  if (count >= 2 * lanes) {
    auto high0 = hn::LoadU(d, values);
    auto high1 = hn::LoadU(d, values + lanes);
    for (i = 2 * lanes; i + 2 * lanes <= count; i += 2 * lanes) {
      high0 = hn::Max(high0, hn::LoadU(d, values + i));
      high1 = hn::Max(high1, hn::LoadU(d, values + i + lanes));
    }
    highest = hn::GetLane(hn::MaxOfLanes(d, hn::Max(high0, high1)));
  }
  for (; i < count; ++i) highest = std::max(highest, values[i]);
  return highest;
}

// Sums don't depend on the width of a processor's vectors: element i is added to lane i mod kSumLanes, and
// fold_lanes adds up the lanes.
inline constexpr size_t kSumLanes = 32;

// The upper half is added to the lower one until one lane is left.
template <class D>
HWY_INLINE float fold_vector(D d, hn::Vec<D> sum) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return fold_vector(half, hn::Add(hn::LowerHalf(half, sum), hn::UpperHalf(half, sum)));
  } else {
    float lanes[4];
    hn::StoreU(sum, d, lanes);
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  }
}

// Of as many vectors as a power of two.
template <size_t kCount>
HWY_INLINE float fold_lanes(const hn::Vec<Floats> (&sums)[kCount]) {
  if constexpr (kCount == 1) {
    return fold_vector(Floats(), sums[0]);
  } else {
    hn::Vec<Floats> folded[kCount / 2];
    for (size_t v = 0; v < kCount / 2; ++v) folded[v] = hn::Add(sums[v], sums[v + kCount / 2]);
    return fold_lanes(folded);
  }
}

// The sum of term(tag, index) over [0, count).
template <class Term>
HWY_INLINE float sum_vectors(size_t count, const Term& term) {
  const Floats d;
  const OneFloat one;
  constexpr size_t kLanes = hn::MaxLanes(Floats());
  constexpr size_t kChains = kSumLanes / kLanes;
  hn::Vec<Floats> sums[kChains];
  HWY_UNROLL(8)
  for (size_t v = 0; v < kChains; ++v) sums[v] = hn::Zero(d);
  size_t i = 0;
  for (; i + kSumLanes <= count; i += kSumLanes) {
    HWY_UNROLL(8)
    for (size_t v = 0; v < kChains; ++v) sums[v] = hn::Add(sums[v], term(d, i + v * kLanes));
  }
  if (i < count) {
    float lanes[kSumLanes];
    HWY_UNROLL(8)
    for (size_t v = 0; v < kChains; ++v) hn::StoreU(sums[v], d, lanes + v * kLanes);
    for (; i + kLanes <= count; i += kLanes) {
      float* lane = lanes + i % kSumLanes;
      hn::StoreU(hn::Add(hn::LoadU(d, lane), term(d, i)), d, lane);
    }
    for (; i < count; ++i) lanes[i % kSumLanes] += hn::GetLane(term(one, i));
    HWY_UNROLL(8)
    for (size_t v = 0; v < kChains; ++v) sums[v] = hn::LoadU(d, lanes + v * kLanes);
  }
  return fold_lanes(sums);
}

// The natural logarithm without the C library, whose last bit is its own. Highway's Log takes positive finite
// numbers only.
HWY_INLINE double log_of(double x) {
  if (!(x > 0) || x == std::numeric_limits<double>::infinity()) return std::log(x);
  const hn::CappedTag<double, 1> d;
  return hn::GetLane(hn::Log(d, hn::Set(d, x)));
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#endif  // TEMPLAR_ENGINE_SIMD_INL_H_
