#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/verbs/verbs.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

TEST(BenchEvaluate, ScoresAlikeHoweverQuestionsAreBroughtTogether) {
  const VerbOutcome outcome =
      run_verb(add_bench_command,
               {"bench", "evaluate", "--questions", "3", "--rounds", "1", "--hidden", "32", "--layers", "2",
                "--intermediate", "48", "--vocab", "100", "--threads", "2", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto reports = nlohmann::json::parse(outcome.output);
  ASSERT_EQ(reports.size(), 3u);
  for (const auto& report : reports) {
    EXPECT_LT(report.at("largest_difference").get<double>(), 1e-4) << report.at("shape");
    EXPECT_GT(report.at("choice_by_choice_s").get<double>(), 0);
    EXPECT_DOUBLE_EQ(report.at("ratio").get<double>(),
                     report.at("choice_by_choice_s").get<double>() / report.at("together_s").get<double>());
  }
}

}  // namespace
}  // namespace templar::testing
