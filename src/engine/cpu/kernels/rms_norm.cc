#include "engine/cpu/kernels/rms_norm.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/rms_norm.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

template <typename Scalar>
void forward_rows(const RmsNormForward<Scalar>& norm, int64_t row_begin, int64_t row_end) {
  const size_t width = norm.width;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const size_t at = row * width;
    const float* x = norm.x + at;
    if (norm.delta != nullptr) {
      for_vectors(width, [&](auto d, size_t i) HWY_ATTR {
        store(d, hn::Add(load(d, x + i), load(d, norm.delta + at + i)), norm.x_out + at + i);
      });
      x = norm.x_out + at;
    }
    const float squares = sum_vectors(width, [&](auto d, size_t i) HWY_ATTR {
      const auto value = load(d, x + i);
      return hn::Mul(value, value);
    });
    const float inverse = 1.0F / std::sqrt(squares / static_cast<float>(width) + norm.epsilon);
    norm.inverse_rms[row] = inverse;
    for_vectors(width, [&](auto d, size_t i) HWY_ATTR {
      const auto scaled = hn::Mul(load(d, x + i), hn::Set(d, inverse));
      store(d, hn::Mul(scaled, load(d, norm.weight + i)), norm.normed + at + i);
    });
  }
}

// With u = x·r (r the inverse rms) and g = d_normed·weight: dx = r·(g − u·mean(g·u)), dweight = Σ d_normed·u.
template <typename Scalar>
void backward_row(const RmsNormBackward<Scalar>& norm, int64_t row, float* weight_sum) {
  const size_t width = norm.width;
  const size_t at = row * width;
  const float* x = norm.x + at;
  const Scalar* d_normed = norm.d_normed + at;
  const float inverse = norm.inverse_rms[row];
  const float dot = sum_vectors(width, [&](auto d, size_t i) HWY_ATTR {
    const auto gradient = hn::Mul(load(d, d_normed + i), load(d, norm.weight + i));
    return hn::Mul(gradient, load(d, x + i));
  });
  const float mean = dot * inverse / static_cast<float>(width);
  for_vectors(width, [&](auto d, size_t i) HWY_ATTR {
    const auto inverse_d = hn::Set(d, inverse);
    const auto unit = hn::Mul(load(d, x + i), inverse_d);
    const auto upstream = load(d, d_normed + i);
    const auto weight = load(d, norm.weight + i);
    store(d, hn::MulAdd(upstream, unit, load(d, weight_sum + i)), weight_sum + i);
    store(d, hn::Mul(unit, weight), norm.normed + at + i);
    auto d_x = hn::Mul(inverse_d, hn::NegMulAdd(unit, hn::Set(d, mean), hn::Mul(upstream, weight)));
    if (norm.d_residual != nullptr) d_x = hn::Add(d_x, load(d, norm.d_residual + at + i));
    store(d, d_x, norm.d_x + at + i);
    if (norm.d_x_scalar != nullptr) store(d, d_x, norm.d_x_scalar + at + i);
  });
}

template <typename Scalar>
void backward_blocks(const RmsNormBackward<Scalar>& norm, int64_t block_begin, int64_t block_end) {
  for (int64_t block = block_begin; block < block_end; ++block) {
    float* weight_sum = norm.weight_partials + block * norm.width;
    std::fill(weight_sum, weight_sum + norm.width, 0.0F);
    const int64_t end = std::min(norm.rows, (block + 1) * kNormRowsPerBlock);
    for (int64_t row = block * kNormRowsPerBlock; row < end; ++row) backward_row(norm, row, weight_sum);
  }
}

void norm_forward_f32(const RmsNormForward<float>& norm, int64_t begin, int64_t end) {
  forward_rows(norm, begin, end);
}
void norm_forward_bf16(const RmsNormForward<Bf16>& norm, int64_t begin, int64_t end) {
  forward_rows(norm, begin, end);
}
void norm_backward_f32(const RmsNormBackward<float>& norm, int64_t begin, int64_t end) {
  backward_blocks(norm, begin, end);
}
void norm_backward_bf16(const RmsNormBackward<Bf16>& norm, int64_t begin, int64_t end) {
  backward_blocks(norm, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(norm_forward_f32);
HWY_EXPORT(norm_forward_bf16);
HWY_EXPORT(norm_backward_f32);
HWY_EXPORT(norm_backward_bf16);

void rms_norm_forward(const RmsNormForward<float>& norm, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(norm_forward_f32)(norm, row_begin, row_end);
}
void rms_norm_forward(const RmsNormForward<Bf16>& norm, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(norm_forward_bf16)(norm, row_begin, row_end);
}
void rms_norm_backward(const RmsNormBackward<float>& norm, int64_t block_begin, int64_t block_end) {
  HWY_DYNAMIC_DISPATCH(norm_backward_f32)(norm, block_begin, block_end);
}
void rms_norm_backward(const RmsNormBackward<Bf16>& norm, int64_t block_begin, int64_t block_end) {
  HWY_DYNAMIC_DISPATCH(norm_backward_bf16)(norm, block_begin, block_end);
}

}  // namespace templar
#endif  // HWY_ONCE
