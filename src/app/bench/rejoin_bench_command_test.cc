#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/verbs/verbs.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

VerbOutcome bench_rejoin(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "rejoin", "--millions", "1", "--rounds", "1"});
  return run_verb(add_bench_command, std::move(arguments));
}

TEST(BenchRejoin, ComesToTheLeadersRootAndReportsTheRatio) {
  const TemporaryFolder folder;
  const VerbOutcome outcome = bench_rejoin(
      {"--away", "3", "1", "--contributions", "2", "--folder", folder.path().string(), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json points = Json::parse(outcome.output).at("points");
  ASSERT_EQ(points.size(), 2u);
  for (const Json& point : points) {
    EXPECT_TRUE(point.at("in_sync").get<bool>());
    EXPECT_GT(point.at("ratio").get<double>(), 0);
  }
  EXPECT_EQ(points[0].at("windows").get<int>(), 1);
  EXPECT_EQ(points[1].at("windows").get<int>(), 3);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "it cleans up";
}

TEST(BenchRejoin, PrintsATable) {
  const VerbOutcome outcome = bench_rejoin({"--away", "1", "--contributions", "1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("the leader's"));
}

TEST(BenchRejoin, SaysWhatIsWrong) {
  const VerbOutcome nowhere = bench_rejoin({"--folder", "/nowhere"});
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_THAT(nowhere.errors, HasSubstr("/nowhere: no folder can be made there"));
  EXPECT_EQ(bench_rejoin({"--away", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace templar::testing
