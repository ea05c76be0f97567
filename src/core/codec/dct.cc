#include "core/codec/dct.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "base/exact_cosine.h"
#include "core/codec/tile_product.h"

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
    : identity_(!codec.use_dct),
      rows_(static_cast<size_t>(plan.tile_rows)),
      columns_(static_cast<size_t>(plan.tile_columns)) {
  CHECK(plan.tile_rows <= kMaxChunkEdge && plan.tile_columns <= kMaxChunkEdge);
  if (identity_) return;
  row_basis_ = dct_basis(plan.tile_rows);
  row_basis_transposed_ = transpose(row_basis_, plan.tile_rows);
  column_basis_ = dct_basis(plan.tile_columns);
  column_basis_transposed_ = transpose(column_basis_, plan.tile_columns);
  for (size_t i = 0; i < std::max(rows_, columns_); ++i) ascending_.push_back(static_cast<uint16_t>(i));
}

void TileTransform::along_rows(const float* tile, const std::vector<float>& basis, float* out) const {
  multiply({tile, columns_, basis.data(), out, rows_, columns_, std::span(ascending_).first(columns_)});
}

void TileTransform::along_columns(const std::vector<float>& basis, std::span<const uint16_t> used_rows,
                                  const float* tile, float* out) const {
  multiply({basis.data(), rows_, tile, out, rows_, columns_, used_rows});
}

void TileTransform::forward(std::span<float> tile, std::span<float> scratch) const {
  if (identity_) return;
  along_rows(tile.data(), column_basis_, scratch.data());
  along_columns(row_basis_transposed_, std::span(ascending_).first(rows_), scratch.data(), tile.data());
}

void TileTransform::inverse(std::span<float> tile, std::span<float> scratch) const {
  if (identity_) return;
  along_rows(tile.data(), column_basis_transposed_, scratch.data());
  along_columns(row_basis_, std::span(ascending_).first(rows_), scratch.data(), tile.data());
}

void TileTransform::inverse_sparse(std::span<const uint16_t> positions, std::span<const float> values,
                                   std::span<float> tile, std::span<float> scratch) const {
  CHECK(positions.size() == values.size());
  if (identity_) {
    std::ranges::fill(tile, 0.0f);
    for (size_t i = 0; i < positions.size(); ++i) tile[positions[i]] = values[i];
    return;
  }
  // A term left out here is +-0, and a sum from +0 is never -0: adding the term would not change it.
  std::array<uint16_t, kMaxChunkEdge> used_rows;
  size_t used = 0;
  std::span<float> row;
  size_t row_begin = 0;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (used == 0 || positions[i] - row_begin >= columns_) {
      used_rows[used] = static_cast<uint16_t>(positions[i] / columns_);
      row_begin = used_rows[used++] * columns_;
      row = scratch.subspan(row_begin, columns_);
      std::ranges::fill(row, 0.0f);
    }
    add_scaled_row(row, values[i], column_basis_transposed_.data() + (positions[i] - row_begin) * columns_);
  }
  along_columns(row_basis_, std::span(used_rows).first(used), scratch.data(), tile.data());
}

}  // namespace templar
