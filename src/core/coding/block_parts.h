// What writing and reading a coded block share.
#pragma once

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "core/coding/block_log.h"
#include "core/coding/coded_block.h"

namespace templar {

// The bits of a scale that are sent. It must have no others (CHECK).
inline uint32_t scale_index(float scale) {
  const auto bits = std::bit_cast<uint32_t>(scale);
  CHECK(bits >> kBlockScaleDroppedBits << kBlockScaleDroppedBits == bits);
  return bits >> kBlockScaleDroppedBits;
}

// Why no chunk may have that scale; empty if one may.
inline std::string scale_problem(uint32_t index, float largest_entry) {
  if (index == 0) return {};
  const float scale = std::bit_cast<float>(index << kBlockScaleDroppedBits);
  if (std::isnormal(scale) && scale > 0 && scale * largest_entry <= kMaxCodebookMagnitude) return {};
  return fmt::format("{} (index {}) is not one that a chunk may have", scale, index);
}

[[nodiscard]] inline float largest_entry(std::span<const float> codebook) {
  return codebook[codebook.size() / 2 - 1];  // block_log's: the last of the positive ones
}

inline bool is_negative_zero(float value) {
  return value == 0.0f && std::signbit(value);
}
// What a contribution may send as a value. Written so that a NaN may not.
inline bool is_legal_value(float value) {
  return std::fabs(value) <= kMaxCodebookMagnitude && !is_negative_zero(value);
}

inline size_t segment_count(const ChunkPlan& plan) {
  return (plan.chunk_count() + kSegmentChunks - 1) / kSegmentChunks;
}

}  // namespace templar
