#include "core/codec/tile_product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/codec/tile_product.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// kRows rows and kVectors vectors of the result, held in registers over all inner indices.
template <size_t kRows, size_t kVectors, class D>
HWY_INLINE void multiply_block(D d, const TileProduct& product, size_t row, size_t column) {
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> sums[kRows][kVectors];
  for (auto& row_sums : sums) {
    for (auto& sum : row_sums) sum = hn::Zero(d);
  }
  const float* left = product.left + row * product.left_row;
  for (const size_t i : product.inner) {
    const float* right_row = product.right + i * product.columns + column;
    hn::Vec<D> right[kVectors];
    HWY_UNROLL(4)
    for (size_t v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, right_row + v * lanes);
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(d, left[r * product.left_row + i]);
      HWY_UNROLL(4)
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::Add(sums[r][v], hn::Mul(factor, right[v]));
    }
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    float* out = product.out + (row + r) * product.columns + column;
    HWY_UNROLL(4)
    for (size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], d, out + v * lanes);
  }
}

template <size_t kVectors, class D>
HWY_INLINE void multiply_columns(D d, const TileProduct& product, size_t column) {
  size_t row = 0;
  for (; row + 4 <= product.rows; row += 4) multiply_block<4, kVectors>(d, product, row, column);
  for (; row < product.rows; ++row) multiply_block<1, kVectors>(d, product, row, column);
}

void multiply_tiles(const TileProduct& product) {
  // As many sums as leave registers for the factors: 32 registers with AVX-512, 16 before.
  constexpr size_t kVectors = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 4> quarter;
  const hn::CappedTag<float, 1> one;
  const size_t lanes = hn::Lanes(d);
  size_t column = 0;
  for (; column + kVectors * lanes <= product.columns; column += kVectors * lanes)
    multiply_columns<kVectors>(d, product, column);
  for (; column + lanes <= product.columns; column += lanes) multiply_columns<1>(d, product, column);
  const size_t quarter_lanes = hn::Lanes(quarter);
  for (; column + quarter_lanes <= product.columns; column += quarter_lanes)
    multiply_columns<1>(quarter, product, column);
  for (; column < product.columns; ++column) multiply_columns<1>(one, product, column);
}

void add_scaled(float* row, size_t count, float factor, const float* right) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  size_t c = 0;
  for (; c + lanes <= count; c += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, row + c), hn::Mul(factors, hn::LoadU(d, right + c))), d, row + c);
  }
  for (; c < count; ++c) row[c] += factor * right[c];
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(multiply_tiles);
HWY_EXPORT(add_scaled);

void multiply(const TileProduct& product) {
  HWY_DYNAMIC_DISPATCH(multiply_tiles)(product);
}

void add_scaled_row(std::span<float> row, float factor, const float* right) {
  HWY_DYNAMIC_DISPATCH(add_scaled)(row.data(), row.size(), factor, right);
}

}  // namespace templar
#endif  // HWY_ONCE
