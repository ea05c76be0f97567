// Root-mean-square normalisation (Zhang, Sennrich 2019) with the residual addition before it.
#pragma once

#include <cstdint>

#include "base/bfloat16.h"

namespace templar {

// A gradient of a norm's weight is summed over blocks of this many rows first, whatever the number of
// threads.
inline constexpr int64_t kNormRowsPerBlock = 64;

// Rows of `width` values. x_out = x + delta (delta may be null, then x_out is not written);
// normed = x_out · inverse_rms · weight, inverse_rms = 1/√(mean(x_out²) + epsilon), one a row.
template <typename Scalar>
struct RmsNormForward {
  const float* x;
  const Scalar* delta;
  float* x_out;
  const float* weight;
  Scalar* normed;
  float* inverse_rms;
  int64_t width;
  float epsilon;
};
void rms_norm_forward(const RmsNormForward<float>& norm, int64_t row_begin, int64_t row_end);
void rms_norm_forward(const RmsNormForward<Bf16>& norm, int64_t row_begin, int64_t row_end);

// The gradient of the same: d_x = d_residual + (what flows back through the norm), d_residual may be null (0)
// or d_x itself. d_x_scalar is a copy of d_x for the next matrix product, not written where null. normed is
// computed once more, for the gradient of the matrices behind it. weight_partials [blocks, width] gets each
// row block's sum of the weight's gradient.
template <typename Scalar>
struct RmsNormBackward {
  const float* x;
  const float* inverse_rms;
  const float* weight;
  const Scalar* d_normed;
  const float* d_residual;
  float* d_x;
  Scalar* d_x_scalar;
  Scalar* normed;
  float* weight_partials;
  int64_t width;
  int64_t rows;
};
// For blocks of kNormRowsPerBlock rows.
void rms_norm_backward(const RmsNormBackward<float>& norm, int64_t block_begin, int64_t block_end);
void rms_norm_backward(const RmsNormBackward<Bf16>& norm, int64_t block_begin, int64_t block_end);

}  // namespace templar
