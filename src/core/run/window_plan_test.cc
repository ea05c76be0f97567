#include "core/run/window_plan.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/run_specs.h"

namespace templar {
namespace {

TEST(WindowPlan, CutsTheLedgerIntoWindows) {
  const NetworkSpec network{.blocks_per_window = 5};
  EXPECT_EQ(window_of_block(network, 0), 0);
  EXPECT_EQ(window_of_block(network, 4), 0);
  EXPECT_EQ(window_of_block(network, 5), 1);
  for (int64_t window = 1; window < 10; ++window) {
    EXPECT_EQ(window_of_block(network, first_block_of_window(network, window)), window);
    EXPECT_EQ(window_of_block(network, first_block_of_window(network, window) - 1), window - 1);
  }
}

TEST(WindowPlan, KeepsThePutWindowOpenIntoTheNextWindow) {
  const NetworkSpec network{.put_window_seconds = 70};
  const PutWindow times = put_window(network, 1000, 61000);
  EXPECT_EQ(times.opens_ms, 1000);
  EXPECT_EQ(times.closes_ms, 131000);
}

TEST(WindowPlan, LeavesThePutWindowToTheKeysWhereUploadsAreSealed) {
  const PutWindow sealed = put_window({.put_window_seconds = 70, .sealed_uploads = true}, 1200, 61999);
  EXPECT_EQ(sealed.opens_ms, 1000);
  EXPECT_EQ(sealed.uploads_end_ms, 61000);
  EXPECT_EQ(sealed.closes_ms, 131000);
  const PutWindow open = put_window({.put_window_seconds = 70}, 1200, 61999);
  EXPECT_EQ(open.uploads_end_ms, open.closes_ms);
}

// What is stored 0.7 s after a block at 1.2 s is stamped with 1 s by S3: it is not too early. And nothing
// that counts may come after the window has closed.
TEST(WindowPlan, ComparesTimesInWholeSeconds) {
  const NetworkSpec network{.put_window_seconds = 70};
  const PutWindow times = put_window(network, 1200, 61999);
  EXPECT_EQ(times.opens_ms, 1000);
  EXPECT_EQ(times.closes_ms, 131000);
}

TEST(WindowPlan, LetsTheShardsBeginAgainWhereTheSpecSaysSo) {
  RunSpec spec = testing::small_run_spec();
  spec.data.outer_steps_per_shard = 10;
  EXPECT_EQ(plan_window(spec, 60, 57).shard_outer_step, 57);
  spec.data.reset_outer_step = 45;
  EXPECT_EQ(plan_window(spec, 60, 44).shard_outer_step, 44);
  EXPECT_EQ(plan_window(spec, 60, 45).shard_outer_step, 0);
  EXPECT_EQ(plan_window(spec, 60, 57).shard_outer_step, 12);
  EXPECT_EQ(plan_window(spec, 60, 57).outer_steps_per_shard, 10);
}

TEST(WindowPlan, CountsTheScheduleInOuterStepsSoThatNullRoundsDoNotMoveIt) {
  RunSpec spec = testing::small_run_spec();
  spec.inner.steps = 30;
  const WindowPlan plan = plan_window(spec, 9, 7);
  EXPECT_EQ(plan.window, 9);
  EXPECT_EQ(plan.outer_step, 7);
  EXPECT_EQ(plan.first_inner_step, 210);
}

TEST(WindowPlan, MakesPeerListsThatTakeEffectAtMultiplesOfTheFrequency) {
  const NetworkSpec network{.peer_replacement_frequency = 5, .peer_list_window_margin = 2};
  std::vector<int64_t> makers;
  for (int64_t window = 0; window < 15; ++window) {
    if (makes_peer_list(network, window)) makers.push_back(window);
  }
  EXPECT_EQ(makers, (std::vector<int64_t>{3, 8, 13}));
}

}  // namespace
}  // namespace templar
