// What an encoded parameter stands for, chunk by chunk.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/thread_team.h"
#include "core/codec/dct.h"
#include "core/protocol/coded_block.h"

namespace templar {

// Calls visit(chunk, tile) for every chunk, on the team's threads; the tile is the visitor's until it
// returns.
template <typename Visit>
void for_each_decoded_tile(const EncodedParameter& encoded, const CodecSpec& codec, ThreadTeam& team,
                           Visit visit) {
  const ChunkPlan& plan = encoded.plan;
  const TileTransform transform(plan, codec);
  const auto kept = static_cast<size_t>(plan.kept);
  team.for_ranges(static_cast<size_t>(plan.chunk_count()), chunk_grain(plan), [&](size_t begin, size_t end) {
    std::vector<float> tile(static_cast<size_t>(plan.chunk_elements()));
    std::vector<float> scratch(tile.size());
    for (size_t chunk = begin; chunk < end; ++chunk) {
      std::ranges::fill(tile, 0.0f);
      for (size_t i = chunk * kept; i < (chunk + 1) * kept; ++i) {
        tile[encoded.positions[i]] = encoded.codebook[encoded.codes[i]];
      }
      transform.inverse(tile, scratch);
      visit(static_cast<int64_t>(chunk), std::span<const float>(tile));
    }
  });
}

}  // namespace templar
