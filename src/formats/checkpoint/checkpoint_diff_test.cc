#include "formats/checkpoint/checkpoint_diff.h"

#include <gtest/gtest.h>

#include <cmath>

#include "formats/checkpoint/checkpoint_folder.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/test_checkpoint.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

class CheckpointDiff : public ::testing::Test {
 protected:
  CheckpointFiles write(const std::string& name, const TestRun& run,
                        uint64_t shard_bytes = kDefaultShardBytes) {
    ThreadTeam team(1);
    CheckpointContents contents = checkpoint_of(run, 1, 1);
    contents.shard_bytes = shard_bytes;
    const Status status = write_checkpoint(folder_ / name, contents, KeyPair::from_seed({}), team);
    EXPECT_TRUE(status) << status.error().message;
    return checkpoint_in_folder(folder_ / name);
  }

  TemporaryFolder folder_;
  TestRun run_;
};

}  // namespace

TEST_F(CheckpointDiff, FindsNothingBetweenEqualModelsHoweverTheyAreCut) {
  const auto difference = compare_checkpoints(write("a", run_), write("b", run_, 10000));
  ASSERT_TRUE(difference) << difference.error().message;
  EXPECT_TRUE(difference->equal());
  EXPECT_EQ(difference->parameters.size(), run_.layout.size());
  EXPECT_EQ(difference->relative, 0);
}

TEST_F(CheckpointDiff, NamesWhatDiffersAndByHowMuch) {
  const CheckpointFiles a = write("a", run_);
  TestRun other;
  const std::span<float> last = other.parameters.spans().back();
  last[3] += 0.5f;
  last[5] -= 0.25f;
  const auto difference = compare_checkpoints(a, write("b", other));
  ASSERT_TRUE(difference) << difference.error().message;
  EXPECT_FALSE(difference->equal());
  const ParameterDifference& parameter = difference->parameters.back();
  EXPECT_EQ(parameter.name, run_.layout.back().name);
  EXPECT_EQ(parameter.different, 2);
  EXPECT_EQ(parameter.first_different, 3);
  EXPECT_NEAR(parameter.largest, 0.5, 1e-6);
  double square = 0;
  for (const float value : run_.values().back()) square += double{value} * value;
  EXPECT_NEAR(parameter.relative, std::sqrt(0.3125 / square), 1e-6);
  for (size_t i = 0; i + 1 < difference->parameters.size(); ++i)
    EXPECT_EQ(difference->parameters[i].different, 0);
}

TEST_F(CheckpointDiff, RefusesModelsOfOtherShapesAndWhatIsNoCheckpoint) {
  RunSpec wider = run_.spec;
  wider.model.intermediate_size *= 2;
  const CheckpointFiles a = write("a", run_);
  EXPECT_TRUE(
      fails(compare_checkpoints(a, write("b", TestRun(wider))), ErrorKind::kSkip, "different shapes"));
  EXPECT_TRUE(fails(compare_checkpoints(a, checkpoint_in_folder(folder_ / "none")), ErrorKind::kSkip,
                    "manifest.json"));
}

}  // namespace templar::testing
