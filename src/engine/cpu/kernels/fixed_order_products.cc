#include "engine/cpu/kernels/fixed_order_products.h"

#include <algorithm>

#include "base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/fixed_order_products.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"
#include "engine/cpu/kernels/small_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

// A tile of c, held in registers: as many sums as leave room for the operands among AVX-512's 32 registers or
// the 16 before.
constexpr size_t kTileRows = HWY_TARGET <= HWY_AVX3 ? 12 : 6;
constexpr size_t kTileVectors = 2;

HWY_INLINE size_t tile_columns() {
  return kTileVectors * hn::Lanes(Floats());
}

// An operand as a set of lines to be multiplied, rows of a or columns of b: element k of a line lies at
// line · line_step + k · depth_step, one of which is 1.
struct Lines {
  const float* data;
  size_t line_step;
  size_t depth_step;
};

// Four lines side by side: to[k · to_step + line] = line[k].
HWY_INLINE void pack_four_lines(const float* from, size_t line_step, size_t depth, float* to,
                                size_t to_step) {
  size_t k = 0;
  for (; k + 4 <= depth; k += 4) transpose_block(from + k, line_step, to + k * to_step, to_step);
  for (; k < depth; ++k) {
    for (size_t line = 0; line < 4; ++line) to[k * to_step + line] = from[line * line_step + k];
  }
}

// A few values: a panel of a is narrower than a vector may be.
HWY_INLINE void copy(size_t count, const float* from, float* to) {
  const Floats d;
  const hn::CappedTag<float, 4> four;
  size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
  for (; i + hn::Lanes(four) <= count; i += hn::Lanes(four)) {
    hn::StoreU(hn::LoadU(four, from + i), four, to + i);
  }
  for (; i < count; ++i) to[i] = from[i];
}

// A panel, to [depth, width]: lines side by side, zeros where there are fewer than its width.
HWY_INLINE void pack_panel(const Lines& lines, size_t count, size_t depth, size_t width, float* to) {
  if (count < width) std::fill_n(to, depth * width, 0.0F);
  if (lines.line_step == 1) {
    for (size_t k = 0; k < depth; ++k) {
      copy(count, lines.data + k * lines.depth_step, to + k * width);
    }
    return;
  }
  size_t line = 0;
  for (; line + 4 <= count; line += 4) {
    pack_four_lines(lines.data + line * lines.line_step, lines.line_step, depth, to + line, width);
  }
  for (; line < count; ++line) {
    const float* from = lines.data + line * lines.line_step;
    for (size_t k = 0; k < depth; ++k) to[k * width + line] = from[k];
  }
}

HWY_INLINE void pack(const Lines& lines, size_t first, size_t count, size_t k, size_t depth, size_t width,
                     float* to) {
  for (size_t line = 0; line < count; line += width) {
    const Lines panel{lines.data + (first + line) * lines.line_step + k * lines.depth_step, lines.line_step,
                      lines.depth_step};
    pack_panel(panel, std::min(width, count - line), depth, width, to + line * depth);
  }
}

// c [kTileRows, tile_columns()] of one panel of each operand, from 0 or from what c holds.
HWY_INLINE void multiply_tile(size_t depth, const float* a, const float* b, float* c, size_t c_row,
                              bool from_zero) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  hn::Vec<Floats> sums[kTileRows][kTileVectors];
  HWY_UNROLL(12)
  for (size_t r = 0; r < kTileRows; ++r) {
    HWY_UNROLL(2)
    for (size_t v = 0; v < kTileVectors; ++v) {
      sums[r][v] = from_zero ? hn::Zero(d) : hn::LoadU(d, c + r * c_row + v * lanes);
    }
  }
  for (size_t k = 0; k < depth; ++k) {
    hn::Vec<Floats> b_vectors[kTileVectors];
    HWY_UNROLL(2)
    for (size_t v = 0; v < kTileVectors; ++v) b_vectors[v] = hn::Load(d, b + v * lanes);
    HWY_UNROLL(12)
    for (size_t r = 0; r < kTileRows; ++r) {
      const auto a_vector = hn::Set(d, a[r]);
      HWY_UNROLL(2)
      for (size_t v = 0; v < kTileVectors; ++v) sums[r][v] = hn::MulAdd(a_vector, b_vectors[v], sums[r][v]);
    }
    a += kTileRows;
    b += kTileVectors * lanes;
  }
  HWY_UNROLL(12)
  for (size_t r = 0; r < kTileRows; ++r) {
    HWY_UNROLL(2)
    for (size_t v = 0; v < kTileVectors; ++v) hn::StoreU(sums[r][v], d, c + r * c_row + v * lanes);
  }
}

// The same where c ends within the tile.
HWY_INLINE void multiply_edge(size_t rows, size_t columns, size_t depth, const float* a, const float* b,
                              float* c, size_t c_row, bool from_zero) {
  HWY_ALIGN float whole[kTileRows * kTileVectors * HWY_MAX_BYTES / sizeof(float)] = {};
  const size_t width = tile_columns();
  for (size_t r = 0; r < rows && !from_zero; ++r) std::copy_n(c + r * c_row, columns, whole + r * width);
  multiply_tile(depth, a, b, whole, width, from_zero);
  for (size_t r = 0; r < rows; ++r) std::copy_n(whole + r * width, columns, c + r * c_row);
}

struct Range {
  size_t begin;
  size_t end;
};

// One of the even parts of [0, count), each but the last a multiple of grain.
HWY_INLINE Range part_of(size_t count, size_t grain, size_t part, size_t parts) {
  const size_t grains = (count + grain - 1) / grain;
  return {std::min(count, grains * part / parts * grain),
          std::min(count, grains * (part + 1) / parts * grain)};
}

// How many parts the rows are cut into, the columns into members / parts: those with the least to pack.
HWY_INLINE size_t row_parts(size_t rows, size_t columns, size_t members) {
  const auto to_pack = [&](size_t parts) {
    const size_t its_rows = rows / parts;
    const size_t passes_of_b = std::max<size_t>(1, (its_rows + kRowsAtOnce - 1) / kRowsAtOnce);
    return its_rows + passes_of_b * (columns / (members / parts));
  };
  size_t best = 1;
  for (size_t parts = 2; parts <= members; ++parts) {
    if (members % parts == 0 && to_pack(parts) < to_pack(best)) best = parts;
  }
  return best;
}

// The panels at hand, c from its element (row, column) on.
void multiply_panels(size_t rows, size_t columns, size_t depth, const float* a, const float* b, float* c,
                     size_t c_row, bool from_zero) {
  const size_t width = tile_columns();
  for (size_t row = 0; row < rows; row += kTileRows) {
    for (size_t column = 0; column < columns; column += width) {
      const float* a_panel = a + row * depth;
      const float* b_panel = b + column * depth;
      float* tile = c + row * c_row + column;
      if (row + kTileRows <= rows && column + width <= columns) {
        multiply_tile(depth, a_panel, b_panel, tile, c_row, from_zero);
      } else {
        multiply_edge(std::min(kTileRows, rows - row), std::min(width, columns - column), depth, a_panel,
                      b_panel, tile, c_row, from_zero);
      }
    }
  }
}

// packed holds kPackedValues.
void multiply_part(const FixedOrderProduct& product, size_t member, size_t members, float* packed) {
  const size_t m = product.size.m;
  const size_t n = product.size.n;
  const size_t k = product.size.k;
  const size_t c_row = product.rows.c;
  const size_t a_row = product.rows.a;
  const size_t b_row = product.rows.b;
  const Lines a = product.kind == ProductKind::kAtB ? Lines{product.a, 1, a_row} : Lines{product.a, a_row, 1};
  const Lines b = product.kind == ProductKind::kABt ? Lines{product.b, b_row, 1} : Lines{product.b, 1, b_row};
  const size_t parts = row_parts(m, n, members);
  const Range rows = part_of(m, kTileRows, member % parts, parts);
  const Range columns = part_of(n, tile_columns(), member / parts, members / parts);
  float* packed_a = packed;
  float* packed_b = packed + kRowsAtOnce * kDepthAtOnce;
  for (size_t row = rows.begin; row < rows.end; row += kRowsAtOnce) {
    const size_t height = std::min(kRowsAtOnce, rows.end - row);
    for (size_t begin = 0; begin < k; begin += kDepthAtOnce) {
      const size_t depth = std::min(kDepthAtOnce, k - begin);
      pack(a, row, height, begin, depth, kTileRows, packed_a);
      for (size_t column = columns.begin; column < columns.end; column += kColumnsAtOnce) {
        const size_t width = std::min(kColumnsAtOnce, columns.end - column);
        pack(b, column, width, begin, depth, tile_columns(), packed_b);
        multiply_panels(height, width, depth, packed_a, packed_b, product.c + row * c_row + column, c_row,
                        begin == 0 && !product.accumulate);
      }
    }
  }
}

bool fuses_multiply_add() {
  return HWY_NATIVE_FMA != 0;
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

namespace {

constexpr size_t kPackedValues = (kRowsAtOnce + kColumnsAtOnce) * kDepthAtOnce;

}  // namespace

HWY_EXPORT(multiply_part);
HWY_EXPORT(fuses_multiply_add);

FixedOrderProducts::FixedOrderProducts(ThreadTeam& team) : team_(team) {
  CHECK(supported());
  for (int member = 0; member < team.threads(); ++member) packed_.emplace_back(kPackedValues);
}

void FixedOrderProducts::multiply(const FixedOrderProduct& product) {
  CHECK(product.size.m > 0 && product.size.n > 0 && product.size.k > 0);
  team_.run([&](int member) {
    HWY_DYNAMIC_DISPATCH(multiply_part)(product, member, team_.threads(), packed_[member].data());
  });
}

bool FixedOrderProducts::supported() {
  return HWY_DYNAMIC_DISPATCH(fuses_multiply_add)();
}

int64_t FixedOrderProducts::memory_bytes(int threads) {
  return threads * static_cast<int64_t>(kPackedValues * sizeof(float));
}

}  // namespace templar
#endif  // HWY_ONCE
