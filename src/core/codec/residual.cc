#include "core/codec/residual.h"

#include "base/check.h"
#include "core/codec/decoded_tiles.h"

namespace templar {
namespace {

// Takes a chunk's values, as they were sent, out of their elements.
void subtract_sent(std::span<const uint16_t> positions, std::span<const float> values, const TileRows& rows,
                   std::span<float> out) {
  size_t row_end = rows.columns;  // as a position in the tile
  size_t row = rows.first;
  for (size_t i = 0; i < positions.size(); ++i) {
    for (; positions[i] >= row_end; row_end += rows.columns) row += rows.stride;
    out[row + positions[i] + rows.columns - row_end] -= values[i];
  }
}

}  // namespace

void store_residual(const BlendedInput& input, const EncodedParameter& encoded, const CodecSpec& codec,
                    std::span<float> out, ThreadTeam& team) {
  const ChunkPlan& plan = encoded.plan;
  CHECK(out.size() == input.size() && static_cast<int64_t>(out.size()) == plan.rows * plan.columns);
  if (codec.use_dct) {
    for_each_decoded_tile(encoded, codec, team, [&](int64_t chunk, std::span<const float> tile) {
      write_difference(input, tile_rows(plan, chunk), tile, out);
    });
    return;
  }
  // Without a transform, what was not sent is 0, and x - 0 is x to the last bit, -0 too.
  for_each_sent_chunk(encoded, team, [&](int64_t chunk, auto positions, auto values) {
    const TileRows rows = tile_rows(plan, chunk);
    write_difference(input, rows, {}, out);
    subtract_sent(positions, values, rows, out);
  });
}

void store_blend(const BlendedInput& input, std::span<float> out, ThreadTeam& team) {
  CHECK(out.size() == input.size());
  team.for_ranges(out.size(), 4096, [&](size_t begin, size_t end) {
    write_difference(input, {.first = begin, .columns = end - begin, .next = begin}, {}, out);
  });
}

}  // namespace templar
