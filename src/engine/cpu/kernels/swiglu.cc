#include "engine/cpu/kernels/swiglu.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/swiglu.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, exp_keeping_nan(d, hn::Neg(x))));
}

template <typename Scalar>
void forward_rows(const SwigluForward<Scalar>& swiglu, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const Scalar* gate = swiglu.gate_up + row * 2 * swiglu.width;
    const Scalar* up = gate + swiglu.width;
    Scalar* activated = swiglu.activated + row * swiglu.width;
    for_vectors(swiglu.width, [&](auto d, size_t i) HWY_ATTR {
      const auto gate_d = load(d, gate + i);
      store(d, hn::Mul(hn::Mul(gate_d, sigmoid(d, gate_d)), load(d, up + i)), activated + i);
    });
  }
}

// silu'(x) = s·(1 + x·(1 − s)) with s = sigmoid(x).
template <typename Scalar>
void backward_rows(const SwigluBackward<Scalar>& swiglu, int64_t row_begin, int64_t row_end) {
  const int64_t width = swiglu.width;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const Scalar* gate = swiglu.gate_up + row * 2 * width;
    const Scalar* up = gate + width;
    const Scalar* d_activated = swiglu.d_activated + row * width;
    Scalar* d_gate = swiglu.d_gate_up + row * 2 * width;
    Scalar* d_up = d_gate + width;
    Scalar* activated = swiglu.activated + row * width;
    for_vectors(width, [&](auto d, size_t i) HWY_ATTR {
      const auto one = hn::Set(d, 1.0F);
      const auto gate_d = load(d, gate + i);
      const auto up_d = load(d, up + i);
      const auto upstream = load(d, d_activated + i);
      const auto s = sigmoid(d, gate_d);
      const auto silu = hn::Mul(gate_d, s);
      const auto slope = hn::Mul(s, hn::MulAdd(gate_d, hn::Sub(one, s), one));
      store(d, hn::Mul(silu, up_d), activated + i);
      store(d, hn::Mul(hn::Mul(upstream, up_d), slope), d_gate + i);
      store(d, hn::Mul(upstream, silu), d_up + i);
    });
  }
}

void swiglu_forward_f32(const SwigluForward<float>& swiglu, int64_t begin, int64_t end) {
  forward_rows(swiglu, begin, end);
}
void swiglu_forward_bf16(const SwigluForward<Bf16>& swiglu, int64_t begin, int64_t end) {
  forward_rows(swiglu, begin, end);
}
void swiglu_backward_f32(const SwigluBackward<float>& swiglu, int64_t begin, int64_t end) {
  backward_rows(swiglu, begin, end);
}
void swiglu_backward_bf16(const SwigluBackward<Bf16>& swiglu, int64_t begin, int64_t end) {
  backward_rows(swiglu, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(swiglu_forward_f32);
HWY_EXPORT(swiglu_forward_bf16);
HWY_EXPORT(swiglu_backward_f32);
HWY_EXPORT(swiglu_backward_bf16);

void swiglu_forward(const SwigluForward<float>& swiglu, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(swiglu_forward_f32)(swiglu, row_begin, row_end);
}
void swiglu_forward(const SwigluForward<Bf16>& swiglu, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(swiglu_forward_bf16)(swiglu, row_begin, row_end);
}
void swiglu_backward(const SwigluBackward<float>& swiglu, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(swiglu_backward_f32)(swiglu, row_begin, row_end);
}
void swiglu_backward(const SwigluBackward<Bf16>& swiglu, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(swiglu_backward_bf16)(swiglu, row_begin, row_end);
}

}  // namespace templar
#endif  // HWY_ONCE
