// What the nodes' verbs refuse before they open anything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

VerbOutcome evaluator(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"evaluator", "--spec",    "tiny",     "--data", "d",
                                        "--store",   "s",         "--ledger", "l",      "--state",
                                        "s",         "--metrics", "m"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_verb(add_node_commands, arguments);
}

TEST(EvaluatorVerb, SaysHowToWriteFlippedWindows) {
  const VerbOutcome outcome = evaluator({"--backfill", "6:3"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("windows '6:3': the first comes after the last; 3:6"));
}

TEST(EvaluatorVerb, RefusesAFolderWithoutTasks) {
  const TemporaryFolder folder;
  const VerbOutcome outcome = evaluator({"--tasks", folder.path().string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("has no TASK.jsonl"));
  EXPECT_EQ(evaluator({"--tasks", (folder / "none").string()}).exit_code, 2);
}

TEST(EvaluatorVerb, RefusesExampleCountsOfUnknownTasks) {
  const TemporaryFolder folder;
  const VerbOutcome outcome =
      evaluator({"--tasks", folder.path().string(), "--num-fewshot", "mmlu=5", "--num-fewshot", "arc=1"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("number of examples 'arc=1'"));
}

}  // namespace
}  // namespace templar::testing
