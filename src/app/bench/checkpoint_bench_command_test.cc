#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "base/json/json.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"

namespace templar::testing {

TEST(BenchCheckpoint, ReportsRatiosAndMemoryAndLeavesNothing) {
  const TemporaryFolder folder;
  const VerbOutcome outcome =
      run_verb(add_bench_command, {"bench", "checkpoint", "--millions", "5", "--rounds", "1", "--shard-size",
                                   "8MB", "--folder", folder.path().string(), "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json report = parse_json(outcome.output).value();
  const auto model_bytes = report.at("model_bytes").integer().value();
  EXPECT_GE(model_bytes, 20'000'000);
  for (const char* ratio :
       {"pause_over_memcpy", "save_of_disk_speed", "load_of_disk_speed", "copy_of_disk_speed"})
    EXPECT_GT(report.at(ratio).number().value(), 0) << ratio;
  EXPECT_LT(report.at("save_memory_bytes").integer().value(), 256 << 20)
      << "what is allowed besides the model";
  EXPECT_LT(report.at("load_memory_bytes").integer().value(), 256 << 20);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(BenchCheckpoint, RefusesAFolderThatIsNone) {
  const TemporaryFolder folder;
  const VerbOutcome outcome = run_verb(
      add_bench_command, {"bench", "checkpoint", "--millions", "1", "--folder", folder.path() / "missing"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.errors.find("--folder"), std::string::npos) << outcome.errors;
}

}  // namespace templar::testing
