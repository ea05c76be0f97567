#include "core/run/schedule.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(LearningRate, WarmsUpLinearlyThenFollowsACosineAndStaysFlat) {
  const InnerSpec inner{.learning_rate = 2, .warmup_steps = 4, .schedule_steps = 12, .eta_min_factor = 0.1};
  EXPECT_EQ(scheduled_learning_rate(inner, 0), 0);
  EXPECT_EQ(scheduled_learning_rate(inner, 1), 0.5);
  EXPECT_EQ(scheduled_learning_rate(inner, 4), 2);
  EXPECT_NEAR(scheduled_learning_rate(inner, 8), 1.1, 1e-12);  // half-way between 2 and 0.2
  EXPECT_NEAR(scheduled_learning_rate(inner, 12), 0.2, 1e-12);
  EXPECT_NEAR(scheduled_learning_rate(inner, 1000000), 0.2, 1e-12);
  const InnerSpec no_warmup{.learning_rate = 2, .schedule_steps = 0, .eta_min_factor = 0.5};
  EXPECT_EQ(scheduled_learning_rate(no_warmup, 0), 1);
}

// DeMo's outer step takes it: a change of one bit would be a change of the consensus.
TEST(LearningRate, HasFrozenBits) {
  const InnerSpec inner{.learning_rate = 2, .warmup_steps = 4, .schedule_steps = 12, .eta_min_factor = 0.1};
  EXPECT_EQ(scheduled_learning_rate(inner, 6), 0x1.bc84747b9414fp+0);
}

}  // namespace
}  // namespace templar
