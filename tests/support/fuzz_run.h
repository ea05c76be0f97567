// The small run that the contribution fuzzer, its seed corpus and the tests share.
#pragma once

#include <array>

#include "base/keys/keys.h"
#include "core/run/parameter_layout.h"

namespace templar {

// A matrix whose tiles are not square, one whose chunks don't fill bytes, and a vector that is sent whole.
[[nodiscard]] inline ParameterLayout fuzz_layout() {
  return {{"matrix", {8, 12}}, {"odd", {3, 5}}, {"norm", {6}}};
}

[[nodiscard]] inline CodecSpec fuzz_codec() {
  return {
      .chunk = 8, .topk = 6, .quantiser_bins = 4, .quantiser_range_sigmas = 6, .error_feedback_decay = 0.95};
}

[[nodiscard]] inline KeyPair fuzz_key() {
  return KeyPair::from_seed(std::array<uint8_t, 32>{1, 2, 3});
}

}  // namespace templar
