#include "core/codec/dct.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/exact_cosine.h"

namespace templar {
namespace {

std::vector<float> transpose(const std::vector<float>& matrix, int64_t size) {
  std::vector<float> transposed(matrix.size());
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t k = 0; k < size; ++k)
      transposed[static_cast<size_t>(k * size + i)] = matrix[static_cast<size_t>(i * size + k)];
  }
  return transposed;
}

// out [rows, columns] = left [rows, inner] x right [inner, columns]. Each element is a sum from +0 over
// ascending inner index. A zero on the left is skipped: such a sum is never -0, so adding +-0 would not
// change it.
void multiply(const float* left, const float* right, float* out, int64_t rows, int64_t inner,
              int64_t columns) {
  std::fill_n(out, rows * columns, 0.0f);
  for (int64_t r = 0; r < rows; ++r) {
    float* out_row = out + r * columns;
    for (int64_t i = 0; i < inner; ++i) {
      const float factor = left[r * inner + i];
      if (factor == 0.0f) continue;
      const float* right_row = right + i * columns;
      for (int64_t c = 0; c < columns; ++c) out_row[c] += factor * right_row[c];
    }
  }
}

}  // namespace

std::vector<float> dct_basis(int64_t size) {
  CHECK(size >= 1);
  std::vector<double> quarter;
  for (int64_t m = 0; m <= size; ++m) quarter.push_back(exact_cosine(m, size));
  const double first_scale = std::sqrt(1.0 / static_cast<double>(size));
  const double scale = std::sqrt(2.0 / static_cast<double>(size));
  std::vector<float> basis;
  basis.reserve(static_cast<size_t>(size * size));
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t k = 0; k < size; ++k) {
      int64_t m = k * (2 * i + 1) % (4 * size);
      if (m > 2 * size) m = 4 * size - m;
      const double cosine =
          m <= size ? quarter[static_cast<size_t>(m)] : -quarter[static_cast<size_t>(2 * size - m)];
      basis.push_back(static_cast<float>((k == 0 ? first_scale : scale) * cosine));
    }
  }
  return basis;
}

TileTransform::TileTransform(const ChunkPlan& plan, const CodecSpec& codec)
    : identity_(!codec.use_dct), rows_(plan.tile_rows), columns_(plan.tile_columns) {
  if (identity_) return;
  row_basis_ = dct_basis(rows_);
  row_basis_transposed_ = transpose(row_basis_, rows_);
  column_basis_ = dct_basis(columns_);
  column_basis_transposed_ = transpose(column_basis_, columns_);
}

void TileTransform::forward(std::span<float> tile, std::span<float> scratch) const {
  if (identity_) return;
  multiply(tile.data(), column_basis_.data(), scratch.data(), rows_, columns_, columns_);
  multiply(row_basis_transposed_.data(), scratch.data(), tile.data(), rows_, rows_, columns_);
}

void TileTransform::inverse(std::span<float> tile, std::span<float> scratch) const {
  if (identity_) return;
  multiply(tile.data(), column_basis_transposed_.data(), scratch.data(), rows_, columns_, columns_);
  multiply(row_basis_.data(), scratch.data(), tile.data(), rows_, rows_, columns_);
}

}  // namespace templar
