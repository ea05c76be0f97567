#include "core/codec/parameter_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "core/codec/dct.h"
#include "core/codec/top_k.h"

namespace templar {
namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

void lower_to(std::atomic<int64_t>& lowest, int64_t value) {
  int64_t current = lowest.load();
  while (value < current && !lowest.compare_exchange_weak(current, value)) {
  }
}

// The dense index of the first value of a tile that is not finite.
int64_t first_bad_element(std::span<const float> tile, const ChunkPlan& plan, int64_t chunk) {
  const auto place = std::ranges::find_if(tile, [](float value) { return !std::isfinite(value); });
  const int64_t offset = place - tile.begin();
  return plan.first_element(chunk) + offset / plan.tile_columns * plan.columns + offset % plan.tile_columns;
}

// Positions and exact values of what is kept. Returns the lowest dense index of a value that is not finite,
// or kNone.
int64_t select_values(const BlendedInput& input, const CodecSpec& codec, EncodedParameter& encoded,
                      std::span<float> kept_values, ThreadTeam& team) {
  const ChunkPlan& plan = encoded.plan;
  const auto kept = static_cast<size_t>(plan.kept);
  const TileTransform transform(plan, codec);
  std::atomic<int64_t> bad_element{kNone};
  team.for_ranges(static_cast<size_t>(plan.chunk_count()), chunk_grain(plan), [&](size_t begin, size_t end) {
    std::vector<float> tile(static_cast<size_t>(plan.chunk_elements()));
    std::vector<float> scratch(tile.size());
    TopKScratch selection;
    for (size_t chunk = begin; chunk < end; ++chunk) {
      if (!read_tile(input, tile_rows(plan, static_cast<int64_t>(chunk)), tile)) {
        lower_to(bad_element, first_bad_element(tile, plan, static_cast<int64_t>(chunk)));
        continue;
      }
      transform.forward(tile, scratch);
      const auto positions = std::span(encoded.positions).subspan(chunk * kept, kept);
      select_top_k(tile, positions, selection);
      for (size_t i = 0; i < kept; ++i) kept_values[chunk * kept + i] = tile[positions[i]];
    }
  });
  return bad_element.load();
}

}  // namespace

Result<EncodedParameter> encode_parameter(const BlendedInput& input, const ParameterInfo& parameter,
                                          const CodecSpec& codec, ThreadTeam& team,
                                          QuantiseFunction* quantise) {
  CHECK(static_cast<int64_t>(input.size()) == parameter.count());
  EncodedParameter encoded;
  encoded.plan = plan_chunks(parameter.shape, codec);
  encoded.positions.resize(static_cast<size_t>(encoded.plan.kept_total()));
  std::vector<float> values(encoded.positions.size());
  const int64_t bad_element = select_values(input, codec, encoded, values, team);
  if (bad_element != kNone) {
    return skip_error(fmt::format("compress {}: element {} is {}", parameter.name, bad_element,
                                  input.at(static_cast<size_t>(bad_element))));
  }
  const auto in_range = [](float value) { return std::fabs(value) <= kMaxCodebookMagnitude; };
  if (const auto large = std::ranges::find_if_not(values, in_range); large != values.end()) {
    return skip_error(fmt::format("compress {}: a value of {}, at most {} can be sent", parameter.name,
                                  *large, kMaxCodebookMagnitude));
  }
  if (quantise == nullptr) quantise = quantiser_of(codec);
  auto quantised = quantise(values, codec, encoded.plan.kept);
  if (!quantised) return annotate(quantised.error(), "compress " + parameter.name);
  encoded.codes = std::move(quantised->codes);
  encoded.codebook = std::move(quantised->codebook);
  encoded.scales = std::move(quantised->scales);
  // A bin's mean of values at the limit may round to one step beyond it.
  for (float& entry : encoded.codebook)
    entry = std::clamp(entry, -kMaxCodebookMagnitude, kMaxCodebookMagnitude);
  return encoded;
}

}  // namespace templar
