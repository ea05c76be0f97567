// Values sent without loss, as the seed system sends them: the reference's numbers are checked with this.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/check.h"
#include "core/codec/mean4_quantiser.h"

namespace templar::testing {

// The values themselves as codebook, ascending; at most 256 different ones (CHECK), one for each code.
[[nodiscard]] inline QuantisedValues exact_values(std::span<const float> values) {
  QuantisedValues result;
  result.codebook.assign(values.begin(), values.end());
  for (float& value : result.codebook) value = value == 0.0f ? 0.0f : value;  // one spelling of zero
  std::ranges::sort(result.codebook);
  const auto repeated = std::ranges::unique(result.codebook);
  result.codebook.erase(repeated.begin(), repeated.end());
  CHECK(result.codebook.size() <= 256);
  for (const float value : values) {
    const auto place = std::ranges::lower_bound(result.codebook, value);
    result.codes.push_back(static_cast<uint8_t>(place - result.codebook.begin()));
  }
  return result;
}

}  // namespace templar::testing
