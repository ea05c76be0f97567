#include "core/codec/compressor.h"

#include <algorithm>

#include "base/check.h"
#include "core/codec/decoded_tiles.h"
#include "core/codec/parameter_encoder.h"

namespace templar {

Result<EncodedParameter> compress(std::span<const float> values, const ParameterInfo& parameter,
                                  const CodecSpec& codec, ThreadTeam& team) {
  return encode_parameter({.base = values}, parameter, codec, team);
}

void decompress(const EncodedParameter& encoded, const CodecSpec& codec, std::span<float> out,
                ThreadTeam& team) {
  const ChunkPlan& plan = encoded.plan;
  CHECK(std::ssize(out) == plan.rows * plan.columns);
  for_each_decoded_tile(encoded, codec, team, [&](int64_t chunk, std::span<const float> tile) {
    for_each_tile_row(plan, chunk, [&](size_t dense, size_t place) {
      std::ranges::copy(tile.subspan(place, plan.tile_columns), out.begin() + dense);
    });
  });
}

Result<std::vector<EncodedParameter>> compress_with_error_feedback(ConstParameterSpans error_feedback,
                                                                   ParameterSpans pseudo_gradient,
                                                                   const ParameterLayout& layout,
                                                                   const CodecSpec& codec, ThreadTeam& team) {
  CHECK(pseudo_gradient.size() == layout.size() && error_feedback.size() == layout.size());
  std::vector<EncodedParameter> encoded;
  encoded.reserve(layout.size());
  for (size_t i = 0; i < layout.size(); ++i) {
    CHECK(pseudo_gradient[i].size() == error_feedback[i].size());
    const BlendedInput blended{error_feedback[i], static_cast<float>(codec.error_feedback_decay),
                               pseudo_gradient[i], 1.0f};
    TRY_ASSIGN(EncodedParameter parameter,
               encode_parameter(blended, layout[i], codec, team, {.out = pseudo_gradient[i]}));
    encoded.push_back(std::move(parameter));
  }
  return encoded;
}

}  // namespace templar
