// Choosing the next token from the logits that a model gives.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "engine/engine.h"

namespace templar {

// Draws from a distribution given as logits. Not thread-safe.
class Sampler {
 public:
  explicit Sampler(const GenerationOptions& options);
  // Ties go to the lowest token.
  [[nodiscard]] uint32_t draw(std::span<const float> logits);

 private:
  GenerationOptions options_;
  Random random_;
  std::vector<uint32_t> order_;
  std::vector<double> weights_;
};

// The natural logarithm of the token's share in softmax(logits); its sum is taken in double.
[[nodiscard]] double log_probability(std::span<const float> logits, uint32_t token);

}  // namespace templar
