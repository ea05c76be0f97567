// Products of matrices as small as a tile, on the consensus path: vectors run along the columns, so that each
// element's sum keeps its order and every processor gives the same bits.
#pragma once

#include <cstdint>
#include <span>

namespace templar {

// out [rows, columns] = left [rows, left_row] x right [*, columns] over the inner indices given, ascending:
// each element is an f32 sum from +0 of left[r][i] * right[i][c], never fused. out overlaps neither.
struct TileProduct {
  const float* left;
  size_t left_row;
  const float* right;
  float* out;
  size_t rows;
  size_t columns;
  std::span<const uint16_t> inner;
};

void multiply(const TileProduct& product);

// row[c] += factor * right[c]: one term of such a sum for a row.
void add_scaled_row(std::span<float> row, float factor, const float* right);

}  // namespace templar
