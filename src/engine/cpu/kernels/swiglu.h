// SwiGLU (Shazeer 2020): activated = silu(gate) · up, silu(x) = x · sigmoid(x).
#pragma once

#include <cstdint>

#include "base/bfloat16.h"

namespace templar {

// gate_up [rows, 2·width]: a row's gate values, then its up values. activated [rows, width].
template <typename Scalar>
struct SwigluForward {
  const Scalar* gate_up;
  Scalar* activated;
  int64_t width;
};
void swiglu_forward(const SwigluForward<float>& swiglu, int64_t row_begin, int64_t row_end);
void swiglu_forward(const SwigluForward<Bf16>& swiglu, int64_t row_begin, int64_t row_end);

// activated is computed once more, for the gradient of the matrix behind it. d_gate_up may be gate_up itself.
template <typename Scalar>
struct SwigluBackward {
  const Scalar* gate_up;
  const Scalar* d_activated;
  Scalar* d_gate_up;
  Scalar* activated;
  int64_t width;
};
void swiglu_backward(const SwigluBackward<float>& swiglu, int64_t row_begin, int64_t row_end);
void swiglu_backward(const SwigluBackward<Bf16>& swiglu, int64_t row_begin, int64_t row_end);

}  // namespace templar
