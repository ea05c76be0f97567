#include "engine/cpu/kernels/row_likelihood.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/row_likelihood.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

RowLikelihood likelihood_of(std::span<const float> logits) {
  const float highest = max_of(logits.data(), logits.size());
  const float sum = sum_vectors(logits.size(), [&](auto d, size_t i) HWY_ATTR {
    return exp_keeping_nan(d, hn::Sub(load(d, logits.data() + i), hn::Set(d, highest)));
  });
  size_t most_probable = 0;
  while (most_probable + 1 < logits.size() && logits[most_probable] != highest) ++most_probable;
  return {static_cast<uint32_t>(most_probable), static_cast<double>(highest) + log_of(sum)};
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(likelihood_of);

RowLikelihood row_likelihood(std::span<const float> logits) {
  return HWY_DYNAMIC_DISPATCH(likelihood_of)(logits);
}

}  // namespace templar
#endif  // HWY_ONCE
