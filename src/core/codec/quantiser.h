// Quantisers: a codebook for the kept values of a parameter, and the code of each value.
// mean4 is the reference's; its formula: docs/protocol.md, "Compression".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "core/run/run_spec.h"

namespace templar {

struct QuantisedValues {
  float shift = 0;
  float scale = 1;
  std::vector<float> scales;    // one a chunk, or none: all 1
  std::vector<float> codebook;  // codec.quantiser_bins values; +0 where no value has that code
  std::vector<uint8_t> codes;   // one a value
};

// values: at least one, each finite and of magnitude at most kMaxCodebookMagnitude; chunk after chunk, kept
// of each.
[[nodiscard]] Result<QuantisedValues> quantise_mean4(std::span<const float> values, const CodecSpec& codec,
                                                     int64_t kept = 1);

// The values themselves as codebook, ascending, whatever the number of bins: lossless. The seed system sends
// exact values, and its reference numbers are checked with this. Fails (skip) if there are more than 256
// different ones.
[[nodiscard]] Result<QuantisedValues> quantise_exactly(std::span<const float> values, const CodecSpec& codec,
                                                       int64_t kept = 1);

using QuantiseFunction = Result<QuantisedValues>(std::span<const float> values, const CodecSpec& codec,
                                                 int64_t kept);

// The quantiser that a run spec names.
[[nodiscard]] QuantiseFunction* quantiser_of(const CodecSpec& codec);

}  // namespace templar
