#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

TEST(BenchTrain, RefusesMoreStepsThanCanBeCounted) {
  for (const char* option : {"--steps", "--warmup"}) {
    const VerbOutcome outcome =
        run_verb(add_bench_command, {"bench", "train", option, "9223372036854775807"});
    EXPECT_EQ(outcome.exit_code, 2) << option;
    EXPECT_THAT(outcome.errors, ::testing::HasSubstr(option));
  }
}

}  // namespace
}  // namespace templar::testing
