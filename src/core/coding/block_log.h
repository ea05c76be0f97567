// The numbers that the quantiser block_log can express: a chunk's scale, and the codebook that all its blocks
// share. docs/protocol.md, "Block".
#pragma once

#include <cstdint>
#include <vector>

#include "core/run/run_spec.h"

namespace templar {

// A scale has the sign, exponent and five mantissa bits of an f32: its other bits are 0.
constexpr int kBlockScaleDroppedBits = 18;

// bins / 2 magnitudes 1, 1.25, 1.5625, ..., then the same with a minus; bins is even, 2 .. kMaxBlockLogBins
// (CHECK).
[[nodiscard]] std::vector<float> block_log_codebook(int64_t bins);

// The nearest scale, half up; 0 below the smallest normal number. value is finite and not negative.
[[nodiscard]] float round_block_scale(float value);

// The largest scale whose largest magnitude is a legal value.
[[nodiscard]] float largest_block_scale(int64_t bins);

}  // namespace templar
