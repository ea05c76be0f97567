// The values that a parameter is compressed from, computed when they are read. Nothing is changed but what
// `out` names.
#pragma once

#include <span>

#include "base/threads/thread_team.h"
#include "core/run/chunk_plan.h"

namespace templar {

// base_factor * base + added_factor * added, element by element, f32, in this order. An empty base is left
// out, an empty added too; one of them is there.
struct BlendedInput {
  std::span<const float> base;
  float base_factor = 1;
  std::span<const float> added;
  float added_factor = 1;

  [[nodiscard]] size_t size() const { return base.empty() ? added.size() : base.size(); }
  [[nodiscard]] float at(size_t i) const {
    if (added.empty()) return base_factor * base[i];
    if (base.empty()) return added_factor * added[i];
    return base_factor * base[i] + added_factor * added[i];
  }
};

// Where a tile's rows lie in its dense parameter, and where the next tile begins: its rows are brought into
// the cache early.
struct TileRows {
  size_t first = 0;  // row r begins at first + r * stride
  size_t stride = 0;
  size_t rows = 1;
  size_t columns = 0;
  size_t next = 0;  // first of the next tile; this one's own first where there is none
};

[[nodiscard]] TileRows tile_rows(const ChunkPlan& plan, int64_t chunk);

// Writes a tile's values into tile, row by row; whether all are finite.
[[nodiscard]] bool read_tile(const BlendedInput& input, const TileRows& rows, std::span<float> tile);

// The same, and stores them in the rows' elements of out, which may be one of the inputs itself.
[[nodiscard]] bool read_and_store_tile(const BlendedInput& input, const TileRows& rows, std::span<float> tile,
                                       std::span<float> out);

// The rows' elements of out <- tile - sent.
void store_difference(std::span<const float> tile, std::span<const float> sent, const TileRows& rows,
                      std::span<float> out);

// The rows' elements of out <- what they are - sent.
void subtract_tile(std::span<const float> sent, const TileRows& rows, std::span<float> out);

// out <- input; out may be one of the inputs itself.
void store_blend(const BlendedInput& input, std::span<float> out, ThreadTeam& team);

}  // namespace templar
