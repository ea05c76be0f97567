#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/verbs/verbs.h"
#include "support/captured_logs.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

TEST(BenchMetrics, LogsAtTheRateThatIsAskedForAndLosesNothing) {
  const CapturedLogs logs;
  const VerbOutcome outcome =
      run_verb(add_bench_command, {"bench", "metrics", "--rate", "20000", "--seconds", "0.05", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto reports = nlohmann::json::parse(outcome.output);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].at("outputs"), "JSONL");
  EXPECT_EQ(reports[1].at("outputs"), "JSONL and a server that is down");
  for (const auto& report : reports) {
    EXPECT_EQ(report.at("points"), 1000);
    EXPECT_EQ(report.at("dropped"), 0);
    EXPECT_GT(report.at("call").at("median_s").get<double>(), 0);
    EXPECT_LE(report.at("call").at("median_s").get<double>(), report.at("call").at("p999_s").get<double>());
  }
  EXPECT_EQ(logs.count("InfluxDB takes no measurements; they are kept for it"), 1u);
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
