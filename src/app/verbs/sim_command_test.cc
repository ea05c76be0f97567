#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "support/json_values.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

VerbOutcome faults(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"sim", "faults"});
  return run_verb(add_sim_command, std::move(arguments));
}

TEST(SimCommand, SaysWhatASeedCameTo) {
  const VerbOutcome outcome = faults({"--seed", "3", "--windows", "4", "--without-faults"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("1 seeds, "));
  EXPECT_THAT(outcome.output, HasSubstr("0 seeds broke a rule"));
}

TEST(SimCommand, TracesWhatHappens) {
  const VerbOutcome outcome = faults({"--seed", "3", "--windows", "4", "--without-faults", "--trace"});
  EXPECT_THAT(outcome.output, HasSubstr("network: seed 3"));
  EXPECT_THAT(outcome.output, HasSubstr("validator 0: starts, life 1"));
}

TEST(SimCommand, SaysItAsJson) {
  const VerbOutcome outcome = faults({"--seeds", "3:5", "--windows", "4", "--without-faults", "--json"});
  Json json = parsed_json(outcome.output);
  EXPECT_EQ(as<int64_t>(json["seeds"]), 2);
  EXPECT_GT(as<double>(json["windows_a_cpu_minute"]), 0);
}

TEST(SimCommand, RefusesSeedsThatAreNoRange) {
  for (const std::string text : {"7", "7:", ":7", "7:7", "a:b", "1:2x"}) {
    const VerbOutcome outcome = faults({"--seeds", text});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("--seeds '" + text + "'"));
  }
}

}  // namespace
}  // namespace templar::testing
