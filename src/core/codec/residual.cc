#include "core/codec/residual.h"

#include "base/check.h"
#include "core/codec/decoded_tiles.h"

namespace templar {

void store_residual(const BlendedInput& input, const EncodedParameter& encoded, const CodecSpec& codec,
                    std::span<float> out, ThreadTeam& team) {
  const ChunkPlan& plan = encoded.plan;
  CHECK(out.size() == input.size() && static_cast<int64_t>(out.size()) == plan.rows * plan.columns);
  const auto width = static_cast<size_t>(plan.tile_columns);
  for_each_decoded_tile(encoded, codec, team, [&](int64_t chunk, std::span<const float> tile) {
    for_each_tile_row(plan, chunk, [&](size_t dense, size_t place) {
      for (size_t i = 0; i < width; ++i) out[dense + i] = input.at(dense + i) - tile[place + i];
    });
  });
}

void store_blend(const BlendedInput& input, std::span<float> out, ThreadTeam& team) {
  CHECK(out.size() == input.size());
  team.for_ranges(out.size(), 4096, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) out[i] = input.at(i);
  });
}

}  // namespace templar
