// A row of logits as a distribution: what the most probable token is, and how probable another one is.
#pragma once

#include <cstdint>
#include <span>

namespace templar {

struct RowLikelihood {
  uint32_t most_probable = 0;  // of equal ones the lowest
  double log_sum = 0;          // a token's log-probability is its logit minus this [nats]
};

// Not a number in log_sum where there is one in the logits; these are at least one.
[[nodiscard]] RowLikelihood row_likelihood(std::span<const float> logits);

}  // namespace templar
