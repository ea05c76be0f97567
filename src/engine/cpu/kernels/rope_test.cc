#include "engine/cpu/kernels/rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/simd_targets.h"

namespace templar {
namespace {

class RopeAngles : public testing::OnEachSimdTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, RopeAngles, testing::simd_targets(), testing::simd_target_name);

TEST_P(RopeAngles, HaveTheirCosinesAndSines) {
  constexpr int64_t kHeadDim = 26;
  constexpr int64_t kPositions = 5000;
  for (const double theta : {10'000.0, 500'000.0}) {
    const RopeTable rope(kPositions, kHeadDim, theta);
    for (int64_t position = 0; position < kPositions; ++position) {
      for (int64_t i = 0; i < kHeadDim / 2; ++i) {
        const double angle = static_cast<double>(position) *
                             std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(kHeadDim));
        ASSERT_NEAR(rope.cosines(position)[i], std::cos(angle), 6e-8) << position << ", " << i;
        ASSERT_NEAR(rope.sines(position)[i], std::sin(angle), 6e-8) << position << ", " << i;
      }
    }
  }
}

}  // namespace
}  // namespace templar
