#include "core/codec/block_log_quantiser.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "core/coding/block_log.h"

namespace templar {
namespace {

// A value is raised to the next magnitude only well above the middle between two, which is at 1.125: a value
// of the lowest magnitude costs the least, and this gives up a little exactness for a larger saving.
constexpr float kRaise = 1.15f;
constexpr int kRefinements = 2;

// How a chunk's magnitudes spread over the levels if level 0 stood for scale.
void assign_levels(std::span<const float> values, float scale, std::span<const float> magnitudes,
                   std::span<uint8_t> levels) {
  std::ranges::fill(levels, 0);
  for (size_t level = 1; level < magnitudes.size(); ++level) {
    const float threshold = kRaise * (scale * magnitudes[level - 1]);
    for (size_t i = 0; i < values.size(); ++i) levels[i] += std::fabs(values[i]) > threshold ? 1 : 0;
  }
}

// The scale of least squared error with these levels.
float best_scale(std::span<const float> values, std::span<const float> magnitudes,
                 std::span<const uint8_t> levels) {
  double products = 0;
  double squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double magnitude = magnitudes[levels[i]];
    products += std::fabs(static_cast<double>(values[i])) * magnitude;
    squares += magnitude * magnitude;
  }
  return static_cast<float>(products / squares);
}

// Where the refinement begins. The kept largest of many lie close together, and level 0 stands for most of
// them; what is kept whole spreads down to zero, and level 0 has to lie lower.
float first_scale(std::span<const float> values) {
  // Root mean square over mean: 1 for equal magnitudes, 1.25 for a normal's.
  constexpr double kWideSpread = 1.15;
  constexpr double kLowerStart = 0.4;
  double sum = 0;
  double squares = 0;
  for (const float value : values) {
    sum += std::fabs(static_cast<double>(value));
    squares += static_cast<double>(value) * value;
  }
  const auto count = static_cast<double>(values.size());
  const double mean = sum / count;
  const bool wide = squares / count > kWideSpread * kWideSpread * (mean * mean);
  return static_cast<float>(wide ? kLowerStart * mean : mean);
}

}  // namespace

float quantise_chunk(std::span<const float> values, std::span<const float> codebook,
                     std::span<uint8_t> codes) {
  const size_t level_count = codebook.size() / 2;
  const auto magnitudes = codebook.first(level_count);
  float scale = first_scale(values);
  for (int round = 0; round < kRefinements; ++round) {
    assign_levels(values, scale, magnitudes, codes);
    scale = best_scale(values, magnitudes, codes);
  }
  // The refined scale need not be one that a block can say.
  scale = std::min(round_block_scale(scale), largest_block_scale(std::ssize(codebook)));
  if (scale == 0.0f) {
    std::ranges::fill(codes, 0);
    return scale;
  }
  // Once more, for the rounded scale: that is the one by which peers decode.
  assign_levels(values, scale, magnitudes, codes);
  for (size_t i = 0; i < values.size(); ++i) {
    codes[i] = static_cast<uint8_t>(codes[i] + (values[i] < 0.0f ? level_count : 0));
  }
  return scale;
}

}  // namespace templar
