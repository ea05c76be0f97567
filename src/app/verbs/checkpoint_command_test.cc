#include "app/verbs/verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/file_store/file_object_store.h"
#include "base/files/file.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"
#include "support/test_checkpoint.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A store with the checkpoints of windows 4 and 12 in one bucket.
class CheckpointCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const int64_t window : {4, 12}) publish(window);
  }
  // Of the initial model, with that much added to the last parameter's first value.
  void publish(int64_t window, float change = 0) {
    ThreadTeam team(1);
    TestRun changed;
    changed.parameters.spans().back()[0] += change;
    ASSERT_TRUE(publish_checkpoint(store_, "leader", checkpoint_of(changed, window, window), key_, team));
  }
  static VerbOutcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "checkpoint");
    return run_verb(add_checkpoint_command, std::move(arguments));
  }
  [[nodiscard]] std::string root() const { return (folder_ / "store").string(); }
  [[nodiscard]] fs::path checkpoint(int64_t window) const {
    return folder_ / "store/leader" / checkpoint_prefix(window);
  }

  TemporaryFolder folder_;
  VirtualClock clock_;
  FileObjectStore store_{folder_ / "store", clock_};
  TestRun run_;
  KeyPair key_ = KeyPair::from_seed({});
};

}  // namespace

TEST_F(CheckpointCommand, VerifiesAllCheckpointsOfAStore) {
  const VerbOutcome outcome = run({"verify", root(), "--leader", key_.public_key().hex()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(
      outcome.output,
      AllOf(HasSubstr("leader/checkpoints/0000000004"), HasSubstr("leader/checkpoints/0000000012"),
            HasSubstr("OK   model.safetensors"), HasSubstr("2 of 2 checkpoints OK"), Not(HasSubstr("BAD"))));
}

TEST_F(CheckpointCommand, PassesOverManifestsOfOtherThings) {
  fs::create_directory(folder_ / "store/data");
  ASSERT_TRUE(write_file_atomically(folder_ / "store/data/manifest.json", "{}"));
  const VerbOutcome outcome = run({"verify", root()});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("2 of 2 checkpoints OK"));
}

TEST_F(CheckpointCommand, NamesTheFileThatIsBad) {
  ASSERT_TRUE(write_file_atomically(checkpoint(12) / "config.json", "{}"));
  VerbOutcome outcome = run({"verify", root()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("BAD  config.json"), HasSubstr("OK   run_spec.json")));
  EXPECT_THAT(outcome.errors, HasSubstr("1 of 2 checkpoints BAD"));
  EXPECT_EQ(run({"verify", checkpoint(4).string()}).exit_code, 0);
  fs::remove(checkpoint(12) / "manifest.json");
  outcome = run({"verify", root()});
  EXPECT_THAT(outcome.output, HasSubstr("BAD  manifest.json"));
}

TEST_F(CheckpointCommand, RefusesAnotherSigner) {
  const std::string other = KeyPair::generate().public_key().hex();
  const VerbOutcome outcome = run({"verify", root(), "--leader", other});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output,
              HasSubstr("BAD  manifest.json             signed by " + key_.public_key().hex()));
  EXPECT_EQ(run({"verify", root(), "--leader", "abc"}).exit_code, 1);
}

TEST_F(CheckpointCommand, SaysThatThereIsNone) {
  EXPECT_THAT(run({"verify", (folder_ / "none").string()}).errors, HasSubstr("none: no such folder"));
  fs::create_directory(folder_ / "empty");
  const VerbOutcome outcome = run({"ls", (folder_ / "empty").string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("empty: no checkpoint here or below"));
  EXPECT_EQ(run({"show", (folder_ / "empty").string()}).exit_code, 1);
  EXPECT_EQ(run({"verify"}).exit_code, 2);
  EXPECT_EQ(run({}).exit_code, 2);
}

TEST_F(CheckpointCommand, ListsAndShows) {
  const VerbOutcome listed = run({"ls", root()});
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_EQ(std::ranges::count(listed.output, '\n'), 3);
  const VerbOutcome shown = run({"show", checkpoint(12).string()});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.output,
              AllOf(HasSubstr("window       12"), HasSubstr("signed by    " + key_.public_key().hex()),
                    HasSubstr(std::to_string(parameter_count(run_.layout)) + " parameters"),
                    HasSubstr("model.safetensors")));
}

TEST_F(CheckpointCommand, ComparesTwoModels) {
  VerbOutcome outcome = run({"diff", checkpoint(4).string(), checkpoint(12).string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("equal to the last bit"));
  publish(20, 1);
  outcome = run({"diff", checkpoint(4).string(), checkpoint(20).string()});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("1 of " + std::to_string(run_.layout.size()) + " parameters differ"),
                    HasSubstr(run_.layout.back().name)));
  EXPECT_EQ(run({"diff", checkpoint(4).string(), root()}).exit_code, 1);
  EXPECT_EQ(run({"diff", checkpoint(4).string()}).exit_code, 2);
}

}  // namespace templar::testing
