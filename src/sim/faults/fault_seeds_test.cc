// Many seeds, few windows each. More of both: `templar sim faults`.
#include <gtest/gtest.h>

#include "base/check.h"
#include "sim/faults/fault_run.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

// Sanitizers make each call many times as slow: they get a few seeds of each part.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEMPLAR_FEW_SEEDS
#endif
#endif
#ifdef TEMPLAR_FEW_SEEDS
constexpr uint64_t kSeedsOfATest = 2;
#else
constexpr uint64_t kSeedsOfATest = 25;
#endif

// In parts, so that they can run side by side.
class FaultSeeds : public ::testing::TestWithParam<uint64_t> {};

TEST_P(FaultSeeds, KeepTheRules) {
  const TemporaryFolder folder;
  for (uint64_t i = 0; i < kSeedsOfATest; ++i) {
    const uint64_t seed = GetParam() * kSeedsOfATest + i;
    const auto report =
        run_with_faults(seed, {.plan = {.faulty_windows = 4}, .folder = folder / std::to_string(seed)});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->failures, std::vector<std::string>{})
        << "templar sim faults --windows 4 --trace --seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(From0To200, FaultSeeds, ::testing::Range(uint64_t{0}, uint64_t{8}));

}  // namespace
}  // namespace templar::testing
