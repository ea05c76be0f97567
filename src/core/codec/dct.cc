#include "core/codec/dct.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"
#include "core/codec/tile_product.h"
#include "core/run/exact_cosine.h"

namespace templar {
namespace {

std::vector<float> transpose(const std::vector<float>& matrix, size_t size) {
  std::vector<float> transposed(matrix.size());
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < size; ++k) transposed[k * size + i] = matrix[i * size + k];
  }
  return transposed;
}

// Every second column from first on, of the upper half of the rows.
std::vector<float> half_of(const std::vector<float>& basis, size_t size, size_t first) {
  std::vector<float> half;
  for (size_t i = 0; i < size / 2; ++i) {
    for (size_t k = first; k < size; k += 2) half.push_back(basis[i * size + k]);
  }
  return half;
}

}  // namespace

std::vector<float> dct_basis(int64_t size) {
  CHECK(size >= 1);
  std::vector<double> quarter;
  for (int64_t m = 0; m <= size; ++m) quarter.push_back(exact_cosine(m, size));
  const double first_scale = std::sqrt(1.0 / static_cast<double>(size));
  const double scale = std::sqrt(2.0 / static_cast<double>(size));
  std::vector<float> basis;
  basis.reserve(size * size);
  for (int64_t i = 0; i < size; ++i) {
    for (int64_t k = 0; k < size; ++k) {
      int64_t m = k * (2 * i + 1) % (4 * size);
      if (m > 2 * size) m = 4 * size - m;
      const double cosine = m <= size ? quarter[m] : -quarter[2 * size - m];
      basis.push_back(static_cast<float>((k == 0 ? first_scale : scale) * cosine));
    }
  }
  return basis;
}

TileTransform::Direction::Direction(size_t n)
    : size(n), half(n % 2 == 0 ? n / 2 : 0), basis(dct_basis(n)), transposed(transpose(basis, n)) {
  if (half == 0) return;
  even = half_of(basis, n, 0);
  odd = half_of(basis, n, 1);
  even_transposed = transpose(even, half);
  odd_transposed = transpose(odd, half);
}

TileTransform::TileTransform(const ChunkPlan& plan, const CodecSpec& codec)
    : identity_(!codec.use_dct),
      rows_(plan.tile_rows),
      columns_(plan.tile_columns),
      down_(identity_ ? 1 : rows_),
      across_(identity_ ? 1 : columns_) {
  CHECK(plan.tile_rows <= kMaxChunkEdge && plan.tile_columns <= kMaxChunkEdge);
  for (size_t i = 0; i < std::max(rows_, columns_); ++i) ascending_.push_back(static_cast<uint16_t>(i));
}

void TileTransform::forward(std::span<float> tile, std::span<float> scratch) const {
  if (identity_) return;
  forward_along_rows(tile, scratch);
  forward_along_columns(tile, scratch);
}

// With an even size, folded into scratch and multiplied back into tile; else multiplied into scratch and
// moved back.
void TileTransform::forward_along_rows(std::span<float> tile, std::span<float> scratch) const {
  const size_t half = across_.half;
  if (half == 0) {
    multiply({tile.data(), columns_, across_.basis.data(), columns_, scratch.data(), columns_, rows_,
              columns_, std::span(ascending_).first(columns_)});
    std::ranges::copy(scratch.first(tile.size()), tile.begin());
    return;
  }
  float* const sum = scratch.data();
  float* const difference = sum + rows_ * half;
  fold_columns(tile.data(), rows_, half, sum, difference);
  multiply_halves(
      {sum, difference, half, 1, across_.even.data(), across_.odd.data(), tile.data(), rows_, half},
      Join::kInterleaved);
}

void TileTransform::forward_along_columns(std::span<float> tile, std::span<float> scratch) const {
  const size_t half = down_.half;
  if (half == 0) {
    multiply({down_.transposed.data(), rows_, tile.data(), columns_, scratch.data(), columns_, rows_,
              columns_, std::span(ascending_).first(rows_)});
    std::ranges::copy(scratch.first(tile.size()), tile.begin());
    return;
  }
  float* const sum = scratch.data();
  float* const difference = sum + half * columns_;
  fold_rows(tile.data(), half, columns_, sum, difference);
  const auto inner = std::span(ascending_).first(half);
  multiply(
      {down_.even_transposed.data(), half, sum, columns_, tile.data(), 2 * columns_, half, columns_, inner});
  multiply({down_.odd_transposed.data(), half, difference, columns_, tile.data() + columns_, 2 * columns_,
            half, columns_, inner});
}

void TileTransform::inverse_along_rows(const float* tile, float* out) const {
  if (across_.half == 0) {
    multiply({tile, columns_, across_.transposed.data(), columns_, out, columns_, rows_, columns_,
              std::span(ascending_).first(columns_)});
    return;
  }
  multiply_halves({tile, tile + 1, columns_, 2, across_.even_transposed.data(), across_.odd_transposed.data(),
                   out, rows_, across_.half},
                  Join::kMirrored);
}

void TileTransform::inverse_along_columns(std::span<const uint16_t> used_rows, const float* in,
                                          float* out) const {
  const size_t half = down_.half;
  if (half == 0) {
    multiply({down_.basis.data(), rows_, in, columns_, out, columns_, rows_, columns_, used_rows});
    return;
  }
  std::array<std::array<uint16_t, kMaxChunkEdge / 2>, 2> inner;  // of the even rows and of the odd ones
  std::array<size_t, 2> count{};
  for (const uint16_t row : used_rows) inner[row % 2][count[row % 2]++] = row / 2;
  multiply({down_.even.data(), half, in, 2 * columns_, out, columns_, half, columns_,
            std::span(inner[0]).first(count[0])});
  multiply({down_.odd.data(), half, in + columns_, 2 * columns_, out + half * columns_, columns_, half,
            columns_, std::span(inner[1]).first(count[1])});
  mirror_rows(out, half, columns_);
}

void TileTransform::inverse(std::span<float> tile, std::span<float> scratch) const {
  if (identity_) return;
  inverse_along_rows(tile.data(), scratch.data());
  inverse_along_columns(std::span(ascending_).first(rows_), scratch.data(), tile.data());
}

void TileTransform::sparse_inverse_along_row(std::span<const uint16_t> columns, std::span<const float> values,
                                             float* out) const {
  const size_t half = across_.half;
  if (half == 0) {
    const std::span row(out, columns_);
    std::ranges::fill(row, 0.0f);
    for (size_t i = 0; i < columns.size(); ++i)
      add_scaled_row(row, values[i], across_.transposed.data() + columns[i] * columns_);
    return;
  }
  std::array<std::array<float, kMaxChunkEdge / 2>, 2> sums;
  for (auto& sum : sums) std::fill_n(sum.begin(), half, 0.0f);
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& basis = columns[i] % 2 == 0 ? across_.even_transposed : across_.odd_transposed;
    add_scaled_row(std::span(sums[columns[i] % 2]).first(half), values[i],
                   basis.data() + columns[i] / 2 * half);
  }
  mirror_row(sums[0].data(), sums[1].data(), half, out);
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
  std::array<uint16_t, kMaxChunkEdge> columns;
  size_t used = 0;
  for (size_t i = 0; i < positions.size();) {
    const auto row = static_cast<uint16_t>(positions[i] / columns_);
    const size_t first = i;
    for (; i < positions.size() && positions[i] < (row + 1u) * columns_; ++i)
      columns[i - first] = static_cast<uint16_t>(positions[i] - row * columns_);
    sparse_inverse_along_row(std::span(columns).first(i - first), values.subspan(first, i - first),
                             scratch.data() + row * columns_);
    used_rows[used++] = row;
  }
  inverse_along_columns(std::span(used_rows).first(used), scratch.data(), tile.data());
}

}  // namespace templar
