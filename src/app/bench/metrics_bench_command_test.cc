#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "base/json/json.h"
#include "support/captured_logs.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

TEST(BenchMetrics, LogsAtTheRateThatIsAskedForAndLosesNothing) {
  const CapturedLogs logs;
  const VerbOutcome outcome =
      run_verb(add_bench_command, {"bench", "metrics", "--rate", "20000", "--seconds", "0.05", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json reports = parse_json(outcome.output).value();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports.at(0).at("outputs"), "JSONL");
  EXPECT_EQ(reports.at(1).at("outputs"), "JSONL and a server that is down");
  for (const Json& report : *reports.list()) {
    EXPECT_EQ(report.at("points"), 1000);
    EXPECT_EQ(report.at("dropped"), 0);
    EXPECT_GT(report.at("call").at("median_s").number().value(), 0);
    EXPECT_LE(report.at("call").at("median_s").number().value(),
              report.at("call").at("p999_s").number().value());
  }
  EXPECT_EQ(logs.count("InfluxDB takes no measurements; they are kept for it"), 1u);
}

TEST(BenchMetrics, LogsACallOfEachKindHoweverShortItIs) {
  const CapturedLogs logs;
  const VerbOutcome outcome =
      run_verb(add_bench_command, {"bench", "metrics", "--rate", "8", "--seconds", "0.05", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(parse_json(outcome.output).value().at(0).at("points"), 2);
}

TEST(BenchMetrics, SaysWhatIsWrongWithAServersAddress) {
  const VerbOutcome outcome =
      run_verb(add_bench_command, {"bench", "metrics", "--influx-url", "http://u:secret@host"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.errors.find("the url holds a user or a password"), std::string::npos);
  EXPECT_EQ(outcome.errors.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace templar::testing
