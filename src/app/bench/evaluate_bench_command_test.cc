#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "base/json/json.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

TEST(BenchEvaluate, ScoresAlikeHoweverQuestionsAreBroughtTogether) {
  const VerbOutcome outcome =
      run_verb(add_bench_command,
               {"bench", "evaluate", "--questions", "3", "--rounds", "1", "--hidden", "32", "--layers", "2",
                "--intermediate", "48", "--vocab", "100", "--threads", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json reports = parse_json(outcome.output).value();
  ASSERT_EQ(reports.size(), 3u);
  for (const Json& report : *reports.list()) {
    EXPECT_LT(report.at("largest_difference").number().value(), 1e-4) << to_text(report.at("shape"));
    EXPECT_GT(report.at("choice_by_choice_s").number().value(), 0);
    EXPECT_DOUBLE_EQ(report.at("ratio").number().value(), report.at("choice_by_choice_s").number().value() /
                                                              report.at("together_s").number().value());
  }
}

}  // namespace
}  // namespace templar::testing
