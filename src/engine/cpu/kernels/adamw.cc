#include "engine/cpu/kernels/adamw.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/adamw.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

template <bool kCopyBf16>
void update_range(const AdamwUpdate& u, size_t begin, size_t end) {
  for_vectors(end - begin, [&](auto d, size_t offset) HWY_ATTR {
    const size_t i = begin + offset;
    const auto gradient = hn::Mul(load(d, u.gradients + i), hn::Set(d, u.factors.gradient_scale));
    const auto first = hn::MulAdd(hn::Set(d, u.factors.beta1), load(d, u.first_moment + i),
                                  hn::Mul(hn::Set(d, 1.0F - u.factors.beta1), gradient));
    const auto second = hn::MulAdd(hn::Set(d, u.factors.beta2), load(d, u.second_moment + i),
                                   hn::Mul(hn::Set(d, 1.0F - u.factors.beta2), hn::Mul(gradient, gradient)));
    const auto root =
        hn::MulAdd(hn::Sqrt(second), hn::Set(d, u.factors.second_scale), hn::Set(d, u.factors.epsilon));
    const auto kept = hn::Mul(load(d, u.parameters + i), hn::Set(d, u.factors.weight_keep));
    const auto parameter = hn::NegMulAdd(hn::Set(d, u.factors.step_size), hn::Div(first, root), kept);
    store(d, first, u.first_moment + i);
    store(d, second, u.second_moment + i);
    store(d, parameter, u.parameters + i);
    if constexpr (kCopyBf16) store(d, parameter, u.parameters_bf16 + i);
  });
}

void update_adamw(const AdamwUpdate& update, size_t begin, size_t end) {
  if (update.parameters_bf16 == nullptr) return update_range<false>(update, begin, end);
  update_range<true>(update, begin, end);
}

double sum_of_squares(const float* values, size_t count) {
  return static_cast<double>(sum_vectors(count, [&](auto d, size_t i) HWY_ATTR {
    const auto value = load(d, values + i);
    return hn::Mul(value, value);
  }));
}

void round_range(const float* from, Bf16* to, size_t begin, size_t end) {
  for_vectors(end - begin,
              [&](auto d, size_t i) HWY_ATTR { store(d, load(d, from + begin + i), to + begin + i); });
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

// Short enough that an f32 sum over a block loses nothing that matters.
constexpr size_t kNormBlock = 4096;

}  // namespace

HWY_EXPORT(update_adamw);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(round_range);

void adamw_update(const AdamwUpdate& update, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(update_adamw)(update, begin, end);
}

double l2_norm(ThreadTeam& team, const float* values, size_t count) {
  std::vector<double> sums((count + kNormBlock - 1) / kNormBlock);
  team.for_ranges(sums.size(), 1, [&](size_t begin, size_t end) {
    for (size_t block = begin; block < end; ++block) {
      const size_t at = block * kNormBlock;
      sums[block] = HWY_DYNAMIC_DISPATCH(sum_of_squares)(values + at, std::min(kNormBlock, count - at));
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

void round_to_bf16(const float* from, Bf16* to, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(round_range)(from, to, begin, end);
}

}  // namespace templar
#endif  // HWY_ONCE
