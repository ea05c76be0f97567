// Contributions with made-up content, for tests of what happens to them afterwards.
#pragma once

#include <cstdint>
#include <vector>

#include "core/protocol/contribution.h"
#include "core/run/run_spec.h"

namespace templar::testing {

// Kept positions and codes drawn from the seed for each parameter, with a codebook of the order of scale:
// what a compressor could have made.
[[nodiscard]] std::vector<EncodedParameter> synthetic_blocks(const ParameterLayout& layout,
                                                             const CodecSpec& codec, uint64_t seed,
                                                             float scale = 0.01f);

// The key that tests give this uid.
[[nodiscard]] KeyPair key_of_uid(uint32_t uid);

// Every field set to something of its own; made for this window and uid, with key_of_uid(uid).
[[nodiscard]] ContributionHeader synthetic_header(uint32_t uid, int64_t window);

// Sealed synthetic blocks of seed uid, and the same parsed back.
[[nodiscard]] Bytes synthetic_contribution_bytes(const ParameterLayout& layout, const CodecSpec& codec,
                                                 uint32_t uid, int64_t window = 7, float scale = 0.01f);
[[nodiscard]] Contribution synthetic_contribution(const ParameterLayout& layout, const CodecSpec& codec,
                                                  uint32_t uid, int64_t window = 7, float scale = 0.01f);

// These blocks, sealed for this uid and parsed back.
[[nodiscard]] Contribution contribution_of(std::span<const EncodedParameter> blocks,
                                           const ParameterLayout& layout, const CodecSpec& codec,
                                           uint32_t uid, int64_t window = 7);

}  // namespace templar::testing
