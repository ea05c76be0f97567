#include "base/back_off.h"

#include <algorithm>

namespace templar {

std::chrono::milliseconds BackOff::next_pause() {
  // Past this the product could overflow, and every pause is the longest one long before.
  constexpr int kMostDoublings = 20;
  const auto doubled = rule_.first_pause * (int64_t{1} << std::min(failures_++, kMostDoublings));
  const auto pause = std::min(doubled, rule_.longest_pause);
  if (!rule_.jitter_seed) return pause;
  return std::chrono::duration_cast<std::chrono::milliseconds>(pause * (0.5 + jitter_.uniform()));
}

}  // namespace templar
