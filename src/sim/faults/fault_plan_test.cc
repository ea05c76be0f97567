#include "sim/faults/fault_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace templar::testing {
namespace {

TEST(FaultPlan, IsTheSameForTheSameSeed) {
  const FaultPlan plan = plan_faults(5);
  const FaultPlan again = plan_faults(5);
  EXPECT_EQ(canonical_json(plan.spec), canonical_json(again.spec));
  EXPECT_EQ(plan.timeline, again.timeline);
  EXPECT_EQ(plan.stakes, again.stakes);
  EXPECT_NE(canonical_json(plan.spec), canonical_json(plan_faults(6).spec));
}

TEST(FaultPlan, IsOfAValidRunWithFaultsInItsTime) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const FaultPlan plan = plan_faults(seed);
    EXPECT_TRUE(validate(plan.spec)) << seed;
    EXPECT_EQ(plan.stakes.size(), plan.validators);
    EXPECT_TRUE(std::ranges::is_sorted(plan.timeline, {}, &PlannedFault::at_ms));
    for (const PlannedFault& fault : plan.timeline) {
      EXPECT_GE(fault.at_ms, plan.window_ms()) << "the first window is spared";
      EXPECT_LE(fault.at_ms + fault.for_ms, plan.calm_from_ms());
      EXPECT_LT(fault.node, plan.nodes());
      if (fault.kind == FaultKind::kDiskFull) {
        EXPECT_TRUE(plan.is_miner(fault.node));
      }
      if (fault.kind == FaultKind::kDiskLost) {
        EXPECT_FALSE(plan.is_validator(fault.node));
      }
    }
    if (!plan.late_wrong_term) continue;
    const int64_t recovered = plan.faulty_windows + plan.windows_to_recover();
    EXPECT_GT(plan.late_wrong_term->at_ms, recovered * plan.window_ms());
    EXPECT_LT(plan.late_wrong_term->at_ms, (plan.faulty_windows + plan.calm_windows - 2) * plan.window_ms())
        << "what becomes of it is seen";
  }
}

TEST(FaultPlan, HasEveryKindInSomeSeedAndNoKindInAll) {
  std::set<FaultKind> seen;
  int without_kills = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const FaultPlan plan = plan_faults(seed);
    for (const PlannedFault& fault : plan.timeline) seen.insert(fault.kind);
    const bool kills = std::ranges::any_of(
        plan.timeline, [](const PlannedFault& fault) { return fault.kind == FaultKind::kKilled; });
    if (!kills && plan.chances.killed == 0) ++without_kills;
    if (plan.chances.killed > 0) seen.insert(FaultKind::kKilled);
    if (plan.chances.slow > 0) seen.insert(FaultKind::kSlow);
    if (plan.chances.refused > 0) seen.insert(FaultKind::kRefused);
    if (plan.chances.forgotten > 0) seen.insert(FaultKind::kForgotten);
    if (plan.chances.twice > 0) seen.insert(FaultKind::kTwice);
    if (plan.chances.stale_list > 0) seen.insert(FaultKind::kStaleList);
    if (plan.chances.torn_read > 0) seen.insert(FaultKind::kTornRead);
    if (plan.chances.rotten_read > 0) seen.insert(FaultKind::kRottenRead);
  }
  EXPECT_EQ(seen.size(), kFaultKinds);
  EXPECT_GT(without_kills, 10);
}

TEST(FaultPlan, WithoutFaultsIsOfTheSameNetwork) {
  const FaultPlan calm = plan_faults(5, {.without_faults = true});
  EXPECT_EQ(canonical_json(calm.spec), canonical_json(plan_faults(5).spec));
  EXPECT_TRUE(calm.timeline.empty());
  EXPECT_EQ(calm.chances.killed, 0);
}

}  // namespace
}  // namespace templar::testing
