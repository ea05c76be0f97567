#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "base/json/json.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

// Sanitizers do, to find who uses it still.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEMPLAR_KEEPS_FREED_MEMORY true
#endif
#endif
#ifndef TEMPLAR_KEEPS_FREED_MEMORY
#define TEMPLAR_KEEPS_FREED_MEMORY false
#endif
constexpr bool kKeepsFreedMemory = TEMPLAR_KEEPS_FREED_MEMORY;

VerbOutcome bench_aggregate(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "aggregate"});
  return run_verb(add_bench_command, std::move(arguments));
}

TEST(BenchAggregate, ReportsRatiosAndGrowth) {
  const VerbOutcome outcome = bench_aggregate(
      {"--millions", "1", "--growth-millions", "1", "--rounds", "1", "--contributions", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json report = parse_json(outcome.output).value();
  EXPECT_GT(report.at("aggregate2_over_memcpy").number().value(), 0);
  EXPECT_GT(report.at("aggregate2_dct_over_memcpy").number().value(), 0);
  ASSERT_EQ(report.at("growth").size(), 3u);
  // 504 contributions more, of 23 kB each: in memory they would be 12 MB.
  if (!kKeepsFreedMemory)
    EXPECT_LT(report.at("peak_memory_growth_bytes_8_to_512").integer().value(), 4'000'000);
  EXPECT_EQ(report.at("growth").at(2).at("kept").integer().value(),
            64 * report.at("growth").at(0).at("kept").integer().value());
}

}  // namespace
}  // namespace templar::testing
