// What the verb says and how it ends; what it looks at: app/doctor/node_check_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

VerbOutcome doctor(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "doctor");
  return run_verb(add_doctor_command, arguments);
}

TEST(DoctorVerb, TakesTheOptionsOfTheNode) {
  EXPECT_EQ(doctor({}).exit_code, 2);
  EXPECT_THAT(doctor({"miner"}).errors, HasSubstr("--spec is required"));
  const VerbOutcome help = doctor({"validator", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* option : {"--keep-checkpoints", "--influx-url", "--config", "--sample-size"})
    EXPECT_THAT(help.output, HasSubstr(option));
  EXPECT_EQ(doctor({"evaluator", "--key", "k"}).exit_code, 2);
}

TEST(DoctorVerb, EndsWithAnErrorWhereANodeCouldNotWork) {
  const TemporaryFolder folder;
  const std::string none = (folder / "none").string();
  const VerbOutcome outcome =
      doctor({"miner", "--spec", "tiny", "--data", none, "--store", folder.path().string(), "--ledger", none,
              "--state", none, "--metrics", none, "--key", none, "--sample-size", "1000"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, ContainsRegex("(^|\n)ok       run spec            tiny, run [0-9a-f]{8}\n"));
  EXPECT_THAT(outcome.output, HasSubstr("\nFAILED   key                 " + none));
  EXPECT_THAT(outcome.output, HasSubstr("\nok       store write         an object was put\n"));
  EXPECT_THAT(outcome.errors, ContainsRegex("error: 3 of [0-9]+ checks FAILED: this miner could not work\n"));
}

}  // namespace
}  // namespace templar::testing
