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
    const float* right_row = product.right + i * product.right_row + column;
    hn::Vec<D> right[kVectors];
    HWY_UNROLL(4)
    for (size_t v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, right_row + v * lanes);
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(d, left[r * product.left_row + i]);
      // Not MulAdd: on the consensus path every processor rounds product and sum.
      HWY_UNROLL(4)
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::Add(sums[r][v], hn::Mul(factor, right[v]));
    }
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    float* out = product.out + (row + r) * product.out_row + column;
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

// The same for both halves at once: kRows rows and kVectors vectors of each.
template <size_t kRows, size_t kVectors, Join kJoin, class D>
HWY_INLINE void multiply_halves_block(D d, const HalfProducts& product, size_t row, size_t column) {
  const size_t lanes = hn::Lanes(d);
  hn::Vec<D> even[kRows][kVectors];
  hn::Vec<D> odd[kRows][kVectors];
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) even[r][v] = odd[r][v] = hn::Zero(d);
  }
  const float* left_even = product.left_even + row * product.left_row;
  const float* left_odd = product.left_odd + row * product.left_row;
  for (size_t i = 0; i < product.half; ++i) {
    const float* right_even = product.even + i * product.half + column;
    const float* right_odd = product.odd + i * product.half + column;
    HWY_UNROLL(4)
    for (size_t r = 0; r < kRows; ++r) {
      const size_t at = r * product.left_row + i * product.left_step;
      const auto factor_even = hn::Set(d, left_even[at]);
      const auto factor_odd = hn::Set(d, left_odd[at]);
      HWY_UNROLL(2)
      for (size_t v = 0; v < kVectors; ++v) {
        even[r][v] = hn::Add(even[r][v], hn::Mul(factor_even, hn::LoadU(d, right_even + v * lanes)));
        odd[r][v] = hn::Add(odd[r][v], hn::Mul(factor_odd, hn::LoadU(d, right_odd + v * lanes)));
      }
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    float* out = product.out + (row + r) * 2 * product.half;
    for (size_t v = 0; v < kVectors; ++v) {
      const size_t at = column + v * lanes;
      if constexpr (kJoin == Join::kInterleaved) {
        hn::StoreInterleaved2(even[r][v], odd[r][v], d, out + 2 * at);
      } else {
        hn::StoreU(hn::Add(even[r][v], odd[r][v]), d, out + at);
        hn::StoreU(hn::Reverse(d, hn::Sub(even[r][v], odd[r][v])), d, out + 2 * product.half - at - lanes);
      }
    }
  }
}

template <size_t kVectors, Join kJoin, class D>
HWY_INLINE void multiply_halves_columns(D d, const HalfProducts& product, size_t column) {
  constexpr size_t kRows = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
  size_t row = 0;
  for (; row + kRows <= product.rows; row += kRows)
    multiply_halves_block<kRows, kVectors, kJoin>(d, product, row, column);
  for (; row < product.rows; ++row) multiply_halves_block<1, kVectors, kJoin>(d, product, row, column);
}

template <Join kJoin>
HWY_INLINE void multiply_both_halves(const HalfProducts& product) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 4> quarter;
  const hn::CappedTag<float, 1> one;
  size_t column = 0;
  for (; column + 2 * hn::Lanes(d) <= product.half; column += 2 * hn::Lanes(d))
    multiply_halves_columns<2, kJoin>(d, product, column);
  for (; column + hn::Lanes(d) <= product.half; column += hn::Lanes(d))
    multiply_halves_columns<1, kJoin>(d, product, column);
  for (; column + hn::Lanes(quarter) <= product.half; column += hn::Lanes(quarter))
    multiply_halves_columns<1, kJoin>(quarter, product, column);
  for (; column < product.half; ++column) multiply_halves_columns<1, kJoin>(one, product, column);
}

void multiply_interleaved(const HalfProducts& product) {
  multiply_both_halves<Join::kInterleaved>(product);
}
void multiply_mirrored(const HalfProducts& product) {
  multiply_both_halves<Join::kMirrored>(product);
}

// Calls visit(d, place) for vectors that cover count values, and for single ones at the end.
template <typename Visit>
HWY_INLINE void for_each_vector(size_t count, Visit visit) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) visit(d, i);
  for (; i < count; ++i) visit(one, i);
}

void fold_columns_of(const float* in, size_t rows, size_t half, float* sum, float* difference) {
  for (size_t row = 0; row < rows; ++row, in += 2 * half, sum += half, difference += half) {
    for_each_vector(half, [&](auto d, size_t c) HWY_ATTR {
      const auto near = hn::LoadU(d, in + c);
      const auto far = hn::Reverse(d, hn::LoadU(d, in + 2 * half - c - hn::Lanes(d)));
      hn::StoreU(hn::Add(near, far), d, sum + c);
      hn::StoreU(hn::Sub(near, far), d, difference + c);
    });
  }
}

void fold_rows_of(const float* in, size_t half, size_t columns, float* sum, float* difference) {
  for (size_t row = 0; row < half; ++row) {
    const float* const upper = in + row * columns;
    const float* const lower = in + (2 * half - 1 - row) * columns;
    for_each_vector(columns, [&](auto d, size_t c) HWY_ATTR {
      const auto near = hn::LoadU(d, upper + c);
      const auto far = hn::LoadU(d, lower + c);
      hn::StoreU(hn::Add(near, far), d, sum + row * columns + c);
      hn::StoreU(hn::Sub(near, far), d, difference + row * columns + c);
    });
  }
}

// Rows r and half - 1 - r take each other's places for their differences, so they go together.
void mirror_rows_of(float* rows, size_t half, size_t columns) {
  // With an odd half the middle row is its own partner: all four are loaded before any is stored.
  for (size_t near = 0; 2 * near < half; ++near) {
    const size_t far = half - 1 - near;
    float* const even_near = rows + near * columns;
    float* const even_far = rows + far * columns;
    float* const odd_near = rows + (half + near) * columns;
    float* const odd_far = rows + (half + far) * columns;
    for_each_vector(columns, [&](auto d, size_t c) HWY_ATTR {
      const auto e_near = hn::LoadU(d, even_near + c);
      const auto e_far = hn::LoadU(d, even_far + c);
      const auto o_near = hn::LoadU(d, odd_near + c);
      const auto o_far = hn::LoadU(d, odd_far + c);
      hn::StoreU(hn::Add(e_near, o_near), d, even_near + c);
      hn::StoreU(hn::Add(e_far, o_far), d, even_far + c);
      hn::StoreU(hn::Sub(e_near, o_near), d, odd_far + c);
      hn::StoreU(hn::Sub(e_far, o_far), d, odd_near + c);
    });
  }
}

void mirror_row_of(const float* even, const float* odd, size_t half, float* out) {
  for_each_vector(half, [&](auto d, size_t c) HWY_ATTR {
    const auto e = hn::LoadU(d, even + c);
    const auto o = hn::LoadU(d, odd + c);
    hn::StoreU(hn::Add(e, o), d, out + c);
    hn::StoreU(hn::Reverse(d, hn::Sub(e, o)), d, out + 2 * half - c - hn::Lanes(d));
  });
}

void add_scaled(float* row, size_t count, float factor, const float* right) {
  for_each_vector(count, [&](auto d, size_t c) HWY_ATTR {
    hn::StoreU(hn::Add(hn::LoadU(d, row + c), hn::Mul(hn::Set(d, factor), hn::LoadU(d, right + c))), d,
               row + c);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(multiply_tiles);
HWY_EXPORT(multiply_interleaved);
HWY_EXPORT(multiply_mirrored);
HWY_EXPORT(fold_columns_of);
HWY_EXPORT(fold_rows_of);
HWY_EXPORT(mirror_rows_of);
HWY_EXPORT(mirror_row_of);
HWY_EXPORT(add_scaled);

void multiply(const TileProduct& product) {
  HWY_DYNAMIC_DISPATCH(multiply_tiles)(product);
}

void multiply_halves(const HalfProducts& products, Join join) {
  if (join == Join::kInterleaved) {
    HWY_DYNAMIC_DISPATCH(multiply_interleaved)(products);
  } else {
    HWY_DYNAMIC_DISPATCH(multiply_mirrored)(products);
  }
}

void fold_columns(const float* in, size_t rows, size_t half, float* sum, float* difference) {
  HWY_DYNAMIC_DISPATCH(fold_columns_of)(in, rows, half, sum, difference);
}

void fold_rows(const float* in, size_t half, size_t columns, float* sum, float* difference) {
  HWY_DYNAMIC_DISPATCH(fold_rows_of)(in, half, columns, sum, difference);
}

void mirror_rows(float* rows, size_t half, size_t columns) {
  HWY_DYNAMIC_DISPATCH(mirror_rows_of)(rows, half, columns);
}

void mirror_row(const float* even, const float* odd, size_t half, float* out) {
  HWY_DYNAMIC_DISPATCH(mirror_row_of)(even, odd, half, out);
}

void add_scaled_row(std::span<float> row, float factor, const float* right) {
  HWY_DYNAMIC_DISPATCH(add_scaled)(row.data(), row.size(), factor, right);
}

}  // namespace templar
#endif  // HWY_ONCE
