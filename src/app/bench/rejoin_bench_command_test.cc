#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "app/verbs/verbs.h"
#include "base/json/json.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

VerbOutcome bench_rejoin(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "rejoin", "--millions", "1", "--rounds", "1"});
  return run_verb(add_bench_command, std::move(arguments));
}

TEST(BenchRejoin, ComesToTheLeadersRootAndReportsTheRatio) {
  const TemporaryFolder folder;
  const VerbOutcome outcome = bench_rejoin(
      {"--away", "3", "1", "--contributions", "2", "--folder", folder.path().string(), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json points = parse_json(outcome.output).value().at("points");
  ASSERT_EQ(points.size(), 2u);
  for (const Json& point : *points.list()) {
    EXPECT_TRUE(point.at("in_sync").flag().value());
    EXPECT_GT(point.at("ratio").number().value(), 0);
  }
  EXPECT_EQ(points.at(0).at("windows").integer().value(), 1);
  EXPECT_EQ(points.at(1).at("windows").integer().value(), 3);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it cleans up";
}

TEST(BenchRejoin, PrintsATable) {
  const VerbOutcome outcome = bench_rejoin({"--away", "1", "--contributions", "1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("the leader's"));
}

TEST(BenchRejoin, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  const std::string missing = folder.path() / "missing";
  const VerbOutcome outcome = bench_rejoin({"--folder", missing});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr(missing + ": No such file or directory"));
  EXPECT_EQ(bench_rejoin({"--away", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace templar::testing
