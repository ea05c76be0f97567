#include "engine/cpu/kernels/rope.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/rope.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

// Both [positions, half]. By Highway's functions and not the C library's, as log_of.
void fill_rope(int64_t positions, int64_t half, double theta, float* cosines, float* sines) {
  const hn::CappedTag<double, 1> d;
  const double log_theta = log_of(theta);
  for (int64_t i = 0; i < half; ++i) {
    const double exponent = -static_cast<double>(i) / static_cast<double>(half);
    const double frequency = hn::GetLane(hn::Exp(d, hn::Set(d, exponent * log_theta)));
    for (int64_t position = 0; position < positions; ++position) {
      const auto angle = hn::Set(d, static_cast<double>(position) * frequency);
      cosines[position * half + i] = static_cast<float>(hn::GetLane(hn::Cos(d, angle)));
      sines[position * half + i] = static_cast<float>(hn::GetLane(hn::Sin(d, angle)));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(fill_rope);

RopeTable::RopeTable(int64_t positions, int64_t head_dim, double theta)
    : half_(head_dim / 2), cosines_(positions * half_), sines_(positions * half_) {
  HWY_DYNAMIC_DISPATCH(fill_rope)(positions, half_, theta, cosines_.data(), sines_.data());
}

}  // namespace templar
#endif  // HWY_ONCE
