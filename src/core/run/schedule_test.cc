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

// 10 inner steps an outer one; the cosine alone, from 1 down to 0 at step 1000.
InnerSpec long_schedule() {
  return {.steps = 10, .learning_rate = 1, .warmup_steps = 0, .schedule_steps = 1000, .eta_min_factor = 0};
}

TEST(FlatStretch, HoldsTheRateAndGoesOnBehindIt) {
  InnerSpec inner = long_schedule();
  inner.schedule = {.flat_from_outer_step = 50, .flat_outer_steps = 20};
  EXPECT_NEAR(scheduled_learning_rate(inner, 250), 0.8535533905932737, 1e-12);  // (1 + cos(pi / 4)) / 2
  for (const int64_t step : {500, 501, 600, 700})
    EXPECT_NEAR(scheduled_learning_rate(inner, step), 0.5, 1e-12);
  EXPECT_NEAR(scheduled_learning_rate(inner, 499), 0.5015707937429398, 1e-12);  // (1 + cos(0.499 pi)) / 2
  EXPECT_NEAR(scheduled_learning_rate(inner, 701), 0.4984292062570602, 1e-12);  // (1 + cos(0.501 pi)) / 2
  EXPECT_NEAR(scheduled_learning_rate(inner, 950), 0.1464466094067262, 1e-12);  // (1 + cos(0.75 pi)) / 2
  EXPECT_NEAR(scheduled_learning_rate(inner, 1200), 0, 1e-12);
}

TEST(FlatStretch, IsNoneWhereItsLengthIsNone) {
  InnerSpec inner = long_schedule();
  inner.schedule.flat_from_outer_step = 50;
  for (int64_t step = 0; step < 1100; step += 7)
    EXPECT_EQ(scheduled_learning_rate(inner, step), scheduled_learning_rate(long_schedule(), step));
}

TEST(Rewind, SetsTheScheduleBackFromItsOuterStepOn) {
  InnerSpec inner = long_schedule();
  inner.warmup_steps = 100;
  inner.schedule = {.rewind_from_outer_step = 30, .rewind_steps = 250};
  const InnerSpec before = [&] {
    InnerSpec plain = inner;
    plain.schedule = {};
    return plain;
  }();
  EXPECT_EQ(scheduled_learning_rate(inner, 299), scheduled_learning_rate(before, 299));
  EXPECT_EQ(scheduled_learning_rate(inner, 300), 0.5);  // position 50 of the warm-up
  EXPECT_EQ(scheduled_learning_rate(inner, 325), 0.75);
  EXPECT_NEAR(scheduled_learning_rate(inner, 800), 0.5, 1e-12);  // position 550, half-way down
  inner.schedule = {.rewind_from_outer_step = 10, .rewind_steps = 5000};
  EXPECT_EQ(scheduled_learning_rate(inner, 100), 0) << "not before the beginning";
  EXPECT_EQ(scheduled_learning_rate(inner, 5001), 0.01);
}

TEST(Rewind, ComesBeforeTheFlatStretch) {
  InnerSpec inner = long_schedule();
  inner.schedule = {
      .flat_from_outer_step = 50, .flat_outer_steps = 10, .rewind_from_outer_step = 0, .rewind_steps = 200};
  EXPECT_NEAR(scheduled_learning_rate(inner, 750), 0.5, 1e-12);  // position 550: in the stretch
  EXPECT_NEAR(scheduled_learning_rate(inner, 1050), 0.1464466094067262, 1e-12);  // 850 - 100 = 750
}

// The reference's last phase, scaled down: from outer step 61 on, 4 inner steps up to a quarter, linear to 0
// in 2 outer ones.
TEST(Annealing, GoesUpAndLinearlyDownWhateverTheCosineSays) {
  InnerSpec inner = long_schedule();
  inner.learning_rate = 8;
  inner.schedule = {.anneal_from_outer_step = 61,
                    .anneal_warmup_steps = 4,
                    .anneal_outer_steps = 2,
                    .anneal_peak_factor = 0.25,
                    .anneal_end_factor = 0};
  InnerSpec cosine = inner;
  cosine.schedule = {};
  EXPECT_EQ(scheduled_learning_rate(inner, 609), scheduled_learning_rate(cosine, 609));
  EXPECT_EQ(scheduled_learning_rate(inner, 610), 0);
  EXPECT_EQ(scheduled_learning_rate(inner, 611), 0.5);
  EXPECT_EQ(scheduled_learning_rate(inner, 613), 1.5);
  EXPECT_EQ(scheduled_learning_rate(inner, 614), 2);
  EXPECT_EQ(scheduled_learning_rate(inner, 619), 1.5);
  EXPECT_EQ(scheduled_learning_rate(inner, 624), 1);
  EXPECT_EQ(scheduled_learning_rate(inner, 634), 0);
  EXPECT_EQ(scheduled_learning_rate(inner, 100000), 0);
  inner.schedule.anneal_end_factor = 0.125;
  EXPECT_EQ(scheduled_learning_rate(inner, 624), 1.5);
  EXPECT_EQ(scheduled_learning_rate(inner, 634), 1);
  inner.schedule.anneal_outer_steps = 0;
  EXPECT_EQ(scheduled_learning_rate(inner, 100000), 2) << "without a decay it stays";
}

TEST(RestartWarmup, RaisesTheRateOfFreshMoments) {
  InnerSpec inner = long_schedule();
  EXPECT_EQ(restart_warmup(inner, 0), 1);
  inner.schedule.restart_warmup_steps = 4;
  EXPECT_EQ(restart_warmup(inner, 0), 0.25);
  EXPECT_EQ(restart_warmup(inner, 2), 0.75);
  EXPECT_EQ(restart_warmup(inner, 3), 1);
  EXPECT_EQ(restart_warmup(inner, 400), 1);
}

}  // namespace
}  // namespace templar
