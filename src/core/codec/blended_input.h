// The values that a parameter is compressed from, computed as they are read: nothing is stored until
// everything succeeded.
#pragma once

#include <span>

#include "core/protocol/chunk_plan.h"

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

// Writes a chunk's values into tile (plan.chunk_elements() of them), row by row.
inline void read_tile(const BlendedInput& input, const ChunkPlan& plan, int64_t chunk,
                      std::span<float> tile) {
  for_each_tile_row(plan, chunk, [&](size_t dense, size_t place) {
    for (size_t i = 0; i < static_cast<size_t>(plan.tile_columns); ++i) tile[place + i] = input.at(dense + i);
  });
}

}  // namespace templar
