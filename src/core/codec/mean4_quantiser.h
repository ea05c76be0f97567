// The quantiser mean4, which is the reference's: one codebook for all kept values of a parameter, and the
// code of each value. Formula: docs/protocol.md, "Compression".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/run/run_spec.h"

namespace templar {

struct QuantisedValues {
  std::vector<float> codebook;  // codec.quantiser_bins values; +0 where no value has that code
  std::vector<uint8_t> codes;   // one a value
};

// values: at least one, each finite and of magnitude at most kMaxCodebookMagnitude. Never fails.
[[nodiscard]] QuantisedValues quantise_mean4(std::span<const float> values, const CodecSpec& codec);

}  // namespace templar
