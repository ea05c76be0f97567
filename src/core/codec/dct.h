// The orthonormal DCT-II of a tile, in both directions. On the consensus path: the same bits on every
// machine. Formulas and order of sums: docs/protocol.md, "Compression" and "Outer step".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/run/chunk_plan.h"

namespace templar {

// F[i][k] = a_k cos(pi k (2i+1) / 2n), row-major [size, size], f32. size >= 1.
[[nodiscard]] std::vector<float> dct_basis(int64_t size);

// Transforms tiles of one size by the codec spec: the DCT, or nothing at all. Const calls may run on several
// threads at once, each with its own scratch.
class TileTransform {
 public:
  TileTransform(const ChunkPlan& plan, const CodecSpec& codec);
  // tile and scratch have plan.chunk_elements() values each; the result replaces the tile. A tile of one row
  // (a vector's chunk) is transformed along the row alone. Values must be finite.
  void forward(std::span<float> tile, std::span<float> scratch) const;
  void inverse(std::span<float> tile, std::span<float> scratch) const;
  // The inverse, to the same bits, of a tile that is +0 but for values[i] at positions[i], strictly
  // ascending: takes the less time the fewer they are. Written over all of tile.
  void inverse_sparse(std::span<const uint16_t> positions, std::span<const float> values,
                      std::span<float> tile, std::span<float> scratch) const;

 private:
  // A transform along one direction: the whole basis, or where the size is even, its halves. The basis'
  // columns are symmetric (k even) or antisymmetric (k odd), so sums of half the size give both of two
  // mirrored elements.
  struct Direction {
    explicit Direction(size_t n);
    size_t size;
    size_t half;                           // 0 where the size is odd
    std::vector<float> basis, transposed;  // [size, size]
    std::vector<float> even, odd;          // [half, half]: F[i][2k], F[i][2k + 1]
    std::vector<float> even_transposed, odd_transposed;
  };

  void forward_along_rows(std::span<float> tile, std::span<float> scratch) const;
  void forward_along_columns(std::span<float> tile, std::span<float> scratch) const;
  void inverse_along_rows(const float* tile, float* out) const;
  void sparse_inverse_along_row(std::span<const uint16_t> columns, std::span<const float> values,
                                float* out) const;
  void inverse_along_columns(std::span<const uint16_t> used_rows, const float* in, float* out) const;

  bool identity_;
  size_t rows_;
  size_t columns_;
  std::vector<uint16_t> ascending_;  // 0, 1, 2, ...: the inner indices of a dense product
  Direction down_;                   // along columns, of size rows_
  Direction across_;                 // along rows, of size columns_
};

}  // namespace templar
