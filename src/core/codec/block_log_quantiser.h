// The quantiser block_log: a scale for each chunk, and for each value a sign and one of a few magnitudes, each a
// quarter larger than the one before. What is kept of a chunk lies close above one threshold, so most values take
// the lowest magnitude and cost little more than their sign. Formula: docs/protocol.md, "Compression".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "core/codec/quantiser.h"

namespace templar {

// values: those of whole chunks, kept of them each; finite, of magnitude at most kMaxCodebookMagnitude. Never fails.
[[nodiscard]] Result<QuantisedValues> quantise_block_log(std::span<const float> values, const CodecSpec& codec,
                                                         int64_t kept);

}  // namespace templar
