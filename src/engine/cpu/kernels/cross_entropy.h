// Cross-entropy of predicting one token among the vocabulary, and its gradient.
#pragma once

#include <cstdint>

#include "base/bfloat16.h"

namespace templar {

// A row without a target: it costs nothing and its gradient is 0.
inline constexpr int64_t kNoTarget = -1;

// logits [rows, vocab], row_length apart, are overwritten. targets and losses (nats, 0 without a target): one
// a row. d_logits [rows, vocab] = (softmax(logits) − one_hot(target)) · scale; not written where null; may be
// logits itself.
template <typename Scalar>
struct CrossEntropy {
  float* logits;
  const int64_t* targets;
  double* losses;
  Scalar* d_logits;
  int64_t vocab;
  int64_t row_length;  // of logits and of d_logits
  float scale;
};
void cross_entropy(const CrossEntropy<float>& rows, int64_t row_begin, int64_t row_end);
void cross_entropy(const CrossEntropy<Bf16>& rows, int64_t row_begin, int64_t row_end);

}  // namespace templar
