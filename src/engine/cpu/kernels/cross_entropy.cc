#include "engine/cpu/kernels/cross_entropy.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/cross_entropy.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

template <typename Scalar>
void cross_entropy_rows(const CrossEntropy<Scalar>& rows, int64_t row_begin, int64_t row_end) {
  const size_t vocab = rows.vocab;
  for (int64_t row = row_begin; row < row_end; ++row) {
    float* logits = rows.logits + row * rows.row_length;
    Scalar* d_logits = rows.d_logits == nullptr ? nullptr : rows.d_logits + row * rows.row_length;
    const int64_t target = rows.targets[row];
    if (target == kNoTarget) {
      rows.losses[row] = 0;
      if (d_logits != nullptr) std::fill(d_logits, d_logits + vocab, Scalar{});
      continue;
    }
    const float highest = max_of(logits, vocab);
    const float target_logit = logits[target];
    const float sum = sum_vectors(vocab, [&](auto d, size_t i) HWY_ATTR {
      const auto exponential = exp_keeping_nan(d, hn::Sub(load(d, logits + i), hn::Set(d, highest)));
      store(d, exponential, logits + i);
      return exponential;
    });
    rows.losses[row] = log_of(sum) + static_cast<double>(highest) - static_cast<double>(target_logit);
    if (d_logits == nullptr) continue;
    logits[target] -= sum;
    const float factor = rows.scale / sum;
    for_vectors(vocab, [&](auto d, size_t i) HWY_ATTR {
      store(d, hn::Mul(load(d, logits + i), hn::Set(d, factor)), d_logits + i);
    });
  }
}

void cross_entropy_f32(const CrossEntropy<float>& rows, int64_t begin, int64_t end) {
  cross_entropy_rows(rows, begin, end);
}
void cross_entropy_bf16(const CrossEntropy<Bf16>& rows, int64_t begin, int64_t end) {
  cross_entropy_rows(rows, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(cross_entropy_f32);
HWY_EXPORT(cross_entropy_bf16);

void cross_entropy(const CrossEntropy<float>& rows, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(cross_entropy_f32)(rows, row_begin, row_end);
}
void cross_entropy(const CrossEntropy<Bf16>& rows, int64_t row_begin, int64_t row_end) {
  HWY_DYNAMIC_DISPATCH(cross_entropy_bf16)(rows, row_begin, row_end);
}

}  // namespace templar
#endif  // HWY_ONCE
