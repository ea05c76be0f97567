// The quantiser block_log: a scale for each chunk, and for each value a sign and one of a few magnitudes,
// each a quarter larger than the one before. The kept values of a chunk lie close above one threshold, so
// most of them take the lowest magnitude and cost little more than their sign. Formula: docs/protocol.md,
// "Compression".
#pragma once

#include <cstdint>
#include <span>

namespace templar {

// A chunk's values: finite, of magnitude at most kMaxCodebookMagnitude. Writes a code for each and returns
// their scale. codebook: block_log_codebook(bins).
[[nodiscard]] float quantise_chunk(std::span<const float> values, std::span<const float> codebook,
                                   std::span<uint8_t> codes);

}  // namespace templar
