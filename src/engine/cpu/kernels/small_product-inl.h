// Matrix products that fit in a core's cache, for attention's heads: c (+)= a · b in f32 on one thread.
// Included once for each processor target, from inside Highway's foreach_target.
#include <cstddef>
#include <cstdint>

// NOLINTNEXTLINE
#if defined(TEMPLAR_ENGINE_SMALL_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TEMPLAR_ENGINE_SMALL_PRODUCT_INL_H_
#undef TEMPLAR_ENGINE_SMALL_PRODUCT_INL_H_
#else
#define TEMPLAR_ENGINE_SMALL_PRODUCT_INL_H_
#endif

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

// Rows of a packed matrix are padded with zeros to a multiple of this: no vector is longer.
inline constexpr size_t kPad = 16;

// a's element (row, depth) lies at row·row_step + depth·depth_step, so a may be read transposed.
struct SmallA {
  const float* data;
  size_t row_step;
  size_t depth_step;
};

// A tile of kRows rows and kVectors vectors of c, held in registers over the whole depth.
template <size_t kRows, size_t kVectors>
HWY_INLINE void product_tile(size_t depth, const SmallA& a, const float* b, size_t b_row, float* c,
                             size_t c_row, bool accumulate) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<Floats> sums[kRows][kVectors];
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = accumulate ? hn::LoadU(d, c + r * c_row + v * lanes) : hn::Zero(d);
    }
  }
  for (size_t k = 0; k < depth; ++k) {
    hn::Vec<Floats> b_vectors[kVectors];
    HWY_UNROLL(2)
    for (size_t v = 0; v < kVectors; ++v) b_vectors[v] = hn::LoadU(d, b + k * b_row + v * lanes);
    const float* column = a.data + k * a.depth_step;
    HWY_UNROLL(8)
    for (size_t r = 0; r < kRows; ++r) {
      const auto a_vector = hn::Set(d, column[r * a.row_step]);
      HWY_UNROLL(2)
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(a_vector, b_vectors[v], sums[r][v]);
    }
  }
  HWY_UNROLL(8)
  for (size_t r = 0; r < kRows; ++r) {
    HWY_UNROLL(2)
    for (size_t v = 0; v < kVectors; ++v) hn::StoreU(sums[r][v], d, c + r * c_row + v * lanes);
  }
}

template <size_t kVectors>
HWY_INLINE void product_columns(size_t rows, size_t depth, SmallA a, const float* b, size_t b_row, float* c,
                                size_t c_row, bool accumulate) {
  // As many sums as leave registers for the operands: 32 registers with AVX-512, 16 before.
  constexpr size_t kRows = HWY_TARGET <= HWY_AVX3 ? 8 : 4;
  size_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    product_tile<kRows, kVectors>(depth, a, b, b_row, c, c_row, accumulate);
    a.data += kRows * a.row_step;
    c += kRows * c_row;
  }
  for (; row < rows; ++row) {
    product_tile<1, kVectors>(depth, a, b, b_row, c, c_row, accumulate);
    a.data += a.row_step;
    c += c_row;
  }
}

// columns, b_row and c_row are multiples of kPad.
HWY_INLINE void small_product(size_t rows, size_t columns, size_t depth, const SmallA& a, const float* b,
                              size_t b_row, float* c, size_t c_row, bool accumulate = false) {
  const size_t lanes = hn::Lanes(Floats());
  size_t column = 0;
  for (; column + 2 * lanes <= columns; column += 2 * lanes) {
    product_columns<2>(rows, depth, a, b + column, b_row, c + column, c_row, accumulate);
  }
  for (; column < columns; column += lanes) {
    product_columns<1>(rows, depth, a, b + column, b_row, c + column, c_row, accumulate);
  }
}

// to [4, to_row] = from [4, from_row] transposed.
HWY_INLINE void transpose_block(const float* from, size_t from_row, float* to, size_t to_row) {
  const hn::FixedTag<float, 4> d;
  const auto r0 = hn::LoadU(d, from);
  const auto r1 = hn::LoadU(d, from + from_row);
  const auto r2 = hn::LoadU(d, from + 2 * from_row);
  const auto r3 = hn::LoadU(d, from + 3 * from_row);
  const auto low01 = hn::InterleaveLower(d, r0, r1);
  const auto high01 = hn::InterleaveUpper(d, r0, r1);
  const auto low23 = hn::InterleaveLower(d, r2, r3);
  const auto high23 = hn::InterleaveUpper(d, r2, r3);
  hn::StoreU(hn::ConcatLowerLower(d, low23, low01), d, to);
  hn::StoreU(hn::ConcatUpperUpper(d, low23, low01), d, to + to_row);
  hn::StoreU(hn::ConcatLowerLower(d, high23, high01), d, to + 2 * to_row);
  hn::StoreU(hn::ConcatUpperUpper(d, high23, high01), d, to + 3 * to_row);
}

// to [columns, to_row] = from [rows, from_row] transposed; rows and columns are multiples of 4.
HWY_INLINE void transpose(size_t rows, size_t columns, const float* from, size_t from_row, float* to,
                          size_t to_row) {
  for (size_t row = 0; row < rows; row += 4) {
    for (size_t column = 0; column < columns; column += 4) {
      transpose_block(from + row * from_row + column, from_row, to + column * to_row + row, to_row);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#endif  // TEMPLAR_ENGINE_SMALL_PRODUCT_INL_H_
