#include "sim/faults/fault_run.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

FaultRunReport run_seed(uint64_t seed, FaultRunOptions options = {}) {
  const TemporaryFolder folder;
  options.folder = folder.path();
  auto report = run_with_faults(seed, options);
  CHECK(report.has_value());
  return *std::move(report);
}

std::string trace_of(uint64_t seed) {
  std::string trace;
  static_cast<void>(
      run_seed(seed, {.on_line = [&](std::string_view line) { trace += std::string(line) + "\n"; }}));
  return trace;
}

TEST(FaultRun, GoesThroughItsWindowsWhereNothingFails) {
  const FaultRunReport report = run_seed(1, {.plan = {.faulty_windows = 8, .without_faults = true}});
  EXPECT_EQ(report.failures, std::vector<std::string>{});
  EXPECT_EQ(report.faults, FaultCounts{});
  EXPECT_GE(report.windows, 15);
  EXPECT_GE(report.decided_windows, 13);
  EXPECT_EQ(report.fatal_ends, 0);
}

TEST(FaultRun, IsTheSameForTheSameSeedByteForByte) {
  const std::string trace = trace_of(7);
  EXPECT_GT(trace.size(), 10'000u);
  EXPECT_TRUE(trace == trace_of(7));
  EXPECT_FALSE(trace == trace_of(8));
}

}  // namespace
}  // namespace templar::testing
