// Products of matrices as small as a tile, on the consensus path: vectors run along the columns, so that each
// element's sum keeps its order and every processor gives the same bits.
#pragma once

#include <cstdint>
#include <span>

namespace templar {

// out [rows, columns] = left [rows, *] x right [*, columns] over the inner indices given, ascending: each
// element is an f32 sum from +0 of left[r][i] * right[i][c], never fused. out overlaps neither. *_row: from
// one row to the next.
struct TileProduct {
  const float* left;
  size_t left_row;
  const float* right;
  size_t right_row;
  float* out;
  size_t out_row;
  size_t rows;
  size_t columns;
  std::span<const uint16_t> inner;
};

void multiply(const TileProduct& product);

// Two products of half the size: E = left_even x even and O = left_odd x odd, inner indices ascending. They
// are joined row by row:
// kInterleaved: out's row is E[0], O[0], E[1], O[1], ...
// kMirrored: element c of out's row is E[c] + O[c], and its mirror image, 2 * half - 1 - c, is E[c] - O[c].
enum class Join { kInterleaved, kMirrored };
struct HalfProducts {
  const float* left_even;  // element i of row r is at r * left_row + i * left_step
  const float* left_odd;
  size_t left_row;
  size_t left_step;
  const float* even;  // [half, half]
  const float* odd;
  float* out;  // [rows, 2 * half]
  size_t rows;
  size_t half;
};

void multiply_halves(const HalfProducts& products, Join join);

// sum[r][c] = in[r][c] + in[r][2 * half - 1 - c] and difference[r][c] with a minus, c < half.
void fold_columns(const float* in, size_t rows, size_t half, float* sum, float* difference);
// sum's row r = in's row r + row 2 * half - 1 - r, and difference's with a minus, r < half.
void fold_rows(const float* in, size_t half, size_t columns, float* sum, float* difference);
// The other way round, in place: E are the first half of the rows, O the second; row r becomes E[r] + O[r],
// and row 2 * half - 1 - r becomes E[r] - O[r].
void mirror_rows(float* rows, size_t half, size_t columns);
// out[c] = even[c] + odd[c], out[2 * half - 1 - c] = even[c] - odd[c].
void mirror_row(const float* even, const float* odd, size_t half, float* out);

// row[c] += factor * right[c]: one term of such a sum for a row.
void add_scaled_row(std::span<float> row, float factor, const float* right);

}  // namespace templar
