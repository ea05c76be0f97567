// What an encoded parameter stands for, chunk by chunk.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/threads/thread_team.h"
#include "core/codec/dct.h"
#include "core/coding/coded_block.h"

namespace templar {

// The kept values of a chunk, as they are sent.
inline void decode_values(const EncodedParameter& encoded, size_t chunk, std::span<float> values) {
  if (!encoded.values.empty()) {
    std::ranges::copy(std::span(encoded.values).subspan(chunk * values.size(), values.size()),
                      values.begin());
    return;
  }
  const float scale = encoded.scales.empty() ? 1.0f : encoded.scales[chunk];
  const uint8_t* codes = encoded.codes.data() + chunk * values.size();
  for (size_t i = 0; i < values.size(); ++i) values[i] = scale * encoded.codebook[codes[i]];
}

// Calls visit(chunk, positions, values) with what was sent of every chunk, on the team's threads.
template <typename Visit>
void for_each_sent_chunk(const EncodedParameter& encoded, ThreadTeam& team, Visit visit) {
  const ChunkPlan& plan = encoded.plan;
  const size_t kept = plan.kept;
  team.for_ranges(plan.chunk_count(), chunk_grain(plan), [&](size_t begin, size_t end) {
    std::vector<float> values(kept);
    for (size_t chunk = begin; chunk < end; ++chunk) {
      decode_values(encoded, chunk, values);
      visit(chunk, std::span(encoded.positions).subspan(chunk * kept, kept), std::span<const float>(values));
    }
  });
}

// Calls visit(chunk, tile) for every chunk, on the team's threads; the tile is the visitor's until it
// returns.
template <typename Visit>
void for_each_decoded_tile(const EncodedParameter& encoded, const CodecSpec& codec, ThreadTeam& team,
                           Visit visit) {
  const ChunkPlan& plan = encoded.plan;
  const TileTransform transform(plan, codec);
  const size_t kept = plan.kept;
  team.for_ranges(plan.chunk_count(), chunk_grain(plan), [&](size_t begin, size_t end) {
    std::vector<float> values(kept);
    std::vector<float> tile(plan.chunk_elements());
    std::vector<float> scratch(tile.size());
    for (size_t chunk = begin; chunk < end; ++chunk) {
      decode_values(encoded, chunk, values);
      transform.inverse_sparse(std::span(encoded.positions).subspan(chunk * kept, kept), values, tile,
                               scratch);
      visit(chunk, std::span<const float>(tile));
    }
  });
}

}  // namespace templar
