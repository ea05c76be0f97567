// How a parameter is cut into chunks: a matrix into tiles, a vector into rows. Sender, parser and aggregation
// all derive it from the run spec, so it is part of the protocol.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/run/parameter_layout.h"

namespace templar {

// Positions inside a chunk are 16-bit numbers: a tile has at most 256 x 256 elements.
constexpr int64_t kMaxChunkEdge = 256;

// The largest divisor of size that is at most target; both >= 1.
[[nodiscard]] int64_t chunk_edge(int64_t size, int64_t target);

// Chunks are numbered row by row of tiles; positions inside one row by row.
struct ChunkPlan {
  int64_t rows = 0;  // of the parameter; 1 for a vector
  int64_t columns = 0;
  int64_t tile_rows = 0;  // of a chunk; 1 for a vector
  int64_t tile_columns = 0;
  int64_t kept = 0;  // values that a contribution sends of each chunk, 1 .. chunk_elements()

  [[nodiscard]] int64_t chunk_elements() const { return tile_rows * tile_columns; }
  [[nodiscard]] int64_t tiles_across() const { return columns / tile_columns; }
  [[nodiscard]] int64_t chunk_count() const { return rows / tile_rows * tiles_across(); }
  [[nodiscard]] int64_t kept_total() const { return chunk_count() * kept; }
  // Offset of a chunk's first element in the dense parameter; its row r begins columns * r further on.
  [[nodiscard]] int64_t first_element(int64_t chunk) const {
    return chunk / tiles_across() * tile_rows * columns + chunk % tiles_across() * tile_columns;
  }
  bool operator==(const ChunkPlan&) const = default;
};

// shape has one or two dimensions, all >= 1; 1 <= codec.chunk <= kMaxChunkEdge; codec.topk >= 1.
// kept = min(topk, chunk elements), one less where that is odd, but at least 1.
[[nodiscard]] ChunkPlan plan_chunks(std::span<const int64_t> shape, const CodecSpec& codec);
[[nodiscard]] std::vector<ChunkPlan> plan_chunks(const ParameterLayout& layout, const CodecSpec& codec);

// How many chunks make a piece of work that is worth handing to another thread.
[[nodiscard]] inline size_t chunk_grain(const ChunkPlan& plan) {
  constexpr int64_t kElementsOfAPiece = 2048;
  return (kElementsOfAPiece + plan.chunk_elements() - 1) / plan.chunk_elements();
}

// Calls visit(offset in the dense parameter, offset in the tile) for the start of each row of a chunk, top to
// bottom; a row has plan.tile_columns elements.
template <typename Visit>
void for_each_tile_row(const ChunkPlan& plan, int64_t chunk, Visit visit) {
  size_t dense = plan.first_element(chunk);
  for (int64_t row = 0; row < plan.tile_rows; ++row, dense += plan.columns) {
    visit(dense, row * plan.tile_columns);
  }
}

// Values sent by a contribution, all parameters together.
[[nodiscard]] int64_t kept_total(std::span<const ChunkPlan> plans);

}  // namespace templar
