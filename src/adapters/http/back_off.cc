#include "adapters/http/back_off.h"

#include <algorithm>

namespace templar {

std::chrono::milliseconds BackOff::next_pause() {
  constexpr int kMostDoublings = 20;
  const auto doubled = first_ * (int64_t{1} << std::min(failures_++, kMostDoublings));
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::min(doubled, longest_) *
                                                               (0.5 + jitter_.uniform()));
}

}  // namespace templar
