#include "core/coding/block_log.h"

#include <bit>
#include <limits>

#include "base/check.h"
#include "core/coding/coded_block.h"

namespace templar {
namespace {

constexpr float kRatio = 1.25f;
constexpr uint32_t kDroppedMask = (1u << kBlockScaleDroppedBits) - 1;

}  // namespace

std::vector<float> block_log_codebook(int64_t bins) {
  CHECK(bins >= 2 && bins <= kMaxBlockLogBins && bins % 2 == 0);
  std::vector<float> codebook;
  float magnitude = 1.0f;
  for (int64_t level = 0; level < bins / 2; ++level, magnitude *= kRatio) codebook.push_back(magnitude);
  for (int64_t level = 0; level < bins / 2; ++level) codebook.push_back(-codebook[level]);
  return codebook;
}

float round_block_scale(float value) {
  CHECK(value >= 0.0f && value <= std::numeric_limits<float>::max());
  // A carry into the exponent is right: it makes the next power of two. Beyond the largest number it makes
  // infinity, which the quantiser bounds.
  const uint32_t bits = std::bit_cast<uint32_t>(value) + (1u << (kBlockScaleDroppedBits - 1));
  const float rounded = std::bit_cast<float>(bits & ~kDroppedMask);
  return rounded < std::numeric_limits<float>::min() ? 0.0f : rounded;
}

float largest_block_scale(int64_t bins) {
  const float limit = kMaxCodebookMagnitude / block_log_codebook(bins)[bins / 2 - 1];
  // Down, not to the nearest: the product must not pass the limit.
  return std::bit_cast<float>(std::bit_cast<uint32_t>(limit) & ~kDroppedMask);
}

}  // namespace templar
