#include "engine/cpu/kernels/rope.h"

#include <cmath>

namespace templar {

RopeTable::RopeTable(int64_t positions, int64_t head_dim, double theta)
    : half_(head_dim / 2), cosines_(positions * half_), sines_(positions * half_) {
  for (int64_t i = 0; i < half_; ++i) {
    const double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    for (int64_t position = 0; position < positions; ++position) {
      const double angle = static_cast<double>(position) * frequency;
      cosines_[position * half_ + i] = static_cast<float>(std::cos(angle));
      sines_[position * half_ + i] = static_cast<float>(std::sin(angle));
    }
  }
}

}  // namespace templar
