#include "core/consensus/chunk_kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/consensus/chunk_kernels.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Factors for small numbers of senders are looked up in two registers, for larger ones one by one.
class Factors {
 public:
  using D = hn::ScalableTag<float>;
  using Integers = hn::RebindToSigned<D>;
  using Shorts = hn::Rebind<uint16_t, D>;

  explicit Factors(std::span<const float> factors) : factors_(factors.data()) {
    for (size_t i = 0; i < 2 * hn::Lanes(d_) && i < factors.size(); ++i) padded_[i] = factors[i];
  }

  HWY_INLINE hn::Vec<D> of(const uint16_t* senders) const {
    const auto lanes = static_cast<int32_t>(hn::Lanes(d_));
    const auto count = hn::PromoteTo(integers_, hn::LoadU(shorts_, senders));
    if (HWY_UNLIKELY(!hn::AllTrue(integers_, hn::Lt(count, hn::Set(integers_, 2 * lanes)))))
      return one_by_one(senders);
    const auto place = hn::IndicesFromVec(d_, hn::And(count, hn::Set(integers_, lanes - 1)));
    return hn::IfThenElse(hn::RebindMask(d_, hn::Lt(count, hn::Set(integers_, lanes))),
                          hn::TableLookupLanes(hn::Load(d_, padded_), place),
                          hn::TableLookupLanes(hn::Load(d_, padded_ + lanes), place));
  }
  HWY_INLINE float of_one(uint16_t senders) const { return factors_[senders]; }

 private:
  HWY_NOINLINE hn::Vec<D> one_by_one(const uint16_t* senders) const {
    HWY_ALIGN float values[hn::MaxLanes(D())];
    for (size_t lane = 0; lane < hn::Lanes(d_); ++lane) values[lane] = factors_[senders[lane]];
    return hn::Load(d_, values);
  }

  D d_;
  Integers integers_;
  Shorts shorts_;
  const float* factors_;
  HWY_ALIGN float padded_[2 * hn::MaxLanes(D())] = {};
};

// Calls visit(d, place, means) for vectors and then for single values, and leaves zeros behind.
template <typename Visit>
HWY_INLINE void for_each_mean(const ChunkSums& sums, const Factors& factors, size_t begin, size_t count,
                              Visit visit) {
  const Factors::D d;
  const Factors::Shorts shorts;
  const hn::CappedTag<float, 1> one;
  const size_t lanes = hn::Lanes(d);
  float* const values = sums.sums + begin;
  uint16_t* const senders = sums.senders + begin;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    visit(d, i, hn::Mul(hn::LoadU(d, values + i), factors.of(senders + i)));
    hn::StoreU(hn::Zero(d), d, values + i);
    hn::StoreU(hn::Zero(shorts), shorts, senders + i);
  }
  for (; i < count; ++i) {
    visit(one, i, hn::Set(one, values[i] * factors.of_one(senders[i])));
    values[i] = 0.0f;
    senders[i] = 0;
  }
}

void means_of(const ChunkSums& sums, size_t count, float* means) {
  for_each_mean(sums, Factors(sums.factors), 0, count,
                [&](auto d, size_t i, auto mean) HWY_ATTR { hn::StoreU(mean, d, means + i); });
}

template <bool kSign, class D>
HWY_INLINE void step_lanes(D d, float* theta, hn::Vec<D> direction, const Descent& descent) {
  if constexpr (kSign) {
    const auto zero = hn::Zero(d);
    const auto one = hn::Set(d, 1.0f);
    direction = hn::Sub(hn::IfThenElseZero(hn::Gt(direction, zero), one),
                        hn::IfThenElseZero(hn::Lt(direction, zero), one));
  }
  const auto kept = hn::Mul(hn::Set(d, descent.shrink), hn::LoadU(d, theta));
  hn::StoreU(hn::Sub(kept, hn::Mul(hn::Set(d, descent.learning_rate), direction)), d, theta);
}

template <bool kSign>
HWY_INLINE void step_tile(const TileOfTheta& tile, const float* delta, const Descent& descent) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  float* theta = tile.first;
  for (size_t row = 0; row < tile.rows; ++row, theta += tile.stride, delta += tile.columns) {
    size_t i = 0;
    for (; i + hn::Lanes(d) <= tile.columns; i += hn::Lanes(d))
      step_lanes<kSign>(d, theta + i, hn::LoadU(d, delta + i), descent);
    for (; i < tile.columns; ++i) step_lanes<kSign>(one, theta + i, hn::LoadU(one, delta + i), descent);
  }
}

template <bool kSign>
HWY_INLINE void step_tile_by_means(const TileOfTheta& tile, const ChunkSums& sums, const Descent& descent) {
  const Factors factors(sums.factors);
  float* theta = tile.first;
  for (size_t row = 0; row < tile.rows; ++row, theta += tile.stride) {
    for_each_mean(sums, factors, row * tile.columns, tile.columns, [&](auto d, size_t i, auto mean) HWY_ATTR {
      step_lanes<kSign>(d, theta + i, mean, descent);
    });
  }
}

void descend_tile(const TileOfTheta& theta, const float* delta, const Descent& descent) {
  const bool by_sign = descent.algorithm == Algorithm::kDemo;
  by_sign ? step_tile<true>(theta, delta, descent) : step_tile<false>(theta, delta, descent);
}

void descend_tile_by_means(const TileOfTheta& theta, const ChunkSums& sums, const Descent& descent) {
  const bool by_sign = descent.algorithm == Algorithm::kDemo;
  by_sign ? step_tile_by_means<true>(theta, sums, descent) : step_tile_by_means<false>(theta, sums, descent);
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

HWY_EXPORT(means_of);
HWY_EXPORT(descend_tile);
HWY_EXPORT(descend_tile_by_means);

}  // namespace

void take_means(const ChunkSums& sums, std::span<float> means) {
  HWY_DYNAMIC_DISPATCH(means_of)(sums, means.size(), means.data());
}

void descend(const TileOfTheta& theta, const float* delta, const Descent& descent) {
  HWY_DYNAMIC_DISPATCH(descend_tile)(theta, delta, descent);
}

void descend_means(const TileOfTheta& theta, const ChunkSums& sums, const Descent& descent) {
  HWY_DYNAMIC_DISPATCH(descend_tile_by_means)(theta, sums, descent);
}

}  // namespace templar
#endif  // HWY_ONCE
