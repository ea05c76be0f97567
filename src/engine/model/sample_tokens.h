// The tokens of samples as an engine takes them.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace templar {

// The tokens of some samples, laid end to end: [count, sequence_length].
struct SampleTokens {
  std::vector<uint32_t> tokens;
  int64_t sequence_length = 0;

  [[nodiscard]] int64_t count() const { return std::ssize(tokens) / sequence_length; }
  [[nodiscard]] TokenBatch batch() const { return {tokens, count(), sequence_length}; }
};

}  // namespace templar
