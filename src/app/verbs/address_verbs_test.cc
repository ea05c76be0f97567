// Verbs that look at checkpoints and data sets, at addresses in place of folders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "app/verbs/verbs.h"
#include "app/world/open_store.h"
#include "base/clock.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "support/exported_model.h"
#include "support/file_content.h"
#include "support/run_verb.h"
#include "support/s3_user.h"
#include "support/shard_folder.h"
#include "support/test_checkpoint.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class AddressVerbs : public ::testing::Test {
 protected:
  // Of the windows 4 and 12, in the bucket node-1 of the store in open/run.
  void publish_checkpoints() {
    const auto store = open_store(parse_store_address(user_.address("open/run")).value(), {}, clock_).value();
    ThreadTeam team(1);
    for (const int64_t window : {4, 12}) {
      const Status published = publish_checkpoint(
          *store, "node-1", checkpoint_of(run_, window, window, make_byte_tokenizer()->files()), key_, team);
      ASSERT_TRUE(published) << published.error().message;
    }
  }
  static VerbOutcome checkpoint(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "checkpoint");
    return run_verb(add_checkpoint_command, std::move(arguments));
  }
  static VerbOutcome data(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "data");
    return run_verb(add_data_command, std::move(arguments));
  }
  // As everybody reads it who has no keys.
  [[nodiscard]] std::string public_address(const std::string& place) const {
    return user_.address(place) + "&access=public";
  }

  const SystemClock clock_;
  S3User user_{clock_.now_ms()};
  TemporaryFolder folder_;
  TestRun run_{export_run_spec()};
  KeyPair key_ = KeyPair::from_seed({});
};

}  // namespace

TEST_F(AddressVerbs, ListAndVerifyTheCheckpointsOfABucket) {
  publish_checkpoints();
  for (const char* place : {"open", "open/run", "open/run/node-1"}) {
    const VerbOutcome listed = checkpoint({"ls", public_address(place)});
    EXPECT_EQ(listed.exit_code, 0) << listed.errors;
    EXPECT_THAT(listed.output, AllOf(HasSubstr("s3://open/run/node-1/checkpoints/0000000004\n"),
                                     HasSubstr("s3://open/run/node-1/checkpoints/0000000012\n")));
  }
  const VerbOutcome verified = checkpoint({"verify", public_address("open/run")});
  EXPECT_EQ(verified.exit_code, 0) << verified.errors;
  EXPECT_THAT(verified.output, HasSubstr("2 of 2 checkpoints OK"));
  user_.server.place("open", "run/node-1/" + checkpoint_prefix(4) + "model.safetensors", "damaged");
  const VerbOutcome damaged = checkpoint({"verify", public_address("open/run")});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.output, HasSubstr("BAD  model.safetensors"));
  EXPECT_THAT(damaged.errors, HasSubstr("1 of 2 checkpoints BAD"));
}

TEST_F(AddressVerbs, ShowAndCompareCheckpointsOfABucket) {
  publish_checkpoints();
  const std::string newer = public_address("open/run/node-1/checkpoints/0000000012");
  const VerbOutcome shown = checkpoint({"show", newer});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(shown.output, AllOf(HasSubstr("window       12"), HasSubstr("parameters: vocabulary")));
  const VerbOutcome compared =
      checkpoint({"diff", newer, public_address("open/run/node-1/checkpoints/0000000004")});
  EXPECT_EQ(compared.exit_code, 0) << compared.errors;
  EXPECT_THAT(compared.output, HasSubstr("equal to the last bit"));
}

TEST_F(AddressVerbs, ExportTheNewestCheckpointOfABucket) {
  publish_checkpoints();
  const std::string out = folder_ / "model.safetensors";
  const VerbOutcome exported =
      checkpoint({"export", user_.address("open/run"), out, "--format", "safetensors"});
  EXPECT_EQ(exported.exit_code, 0) << exported.errors;
  EXPECT_THAT(exported.output, HasSubstr("s3://open/run/node-1/checkpoints/0000000012 -> "));
  ThreadTeam team(1);
  const fs::path same = folder_ / "same/checkpoints/0000000012";
  ASSERT_TRUE(
      write_checkpoint(same, checkpoint_of(run_, 12, 12, make_byte_tokenizer()->files()), key_, team));
  const std::string other = folder_ / "other.safetensors";
  ASSERT_EQ(checkpoint({"export", same.string(), other, "--format", "safetensors"}).exit_code, 0);
  EXPECT_TRUE(text_of(out, 1 << 26) == text_of(other, 1 << 26));
}

TEST_F(AddressVerbs, SayWhereThereIsNoCheckpoint) {
  const VerbOutcome none = checkpoint({"ls", public_address("open/none")});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.errors, HasSubstr("s3://open/none: no checkpoint here or below"));
  const VerbOutcome closed = checkpoint({"ls", public_address("closed/run")});
  EXPECT_EQ(closed.exit_code, 1);
  EXPECT_THAT(closed.errors, HasSubstr("it is not public"));
}

TEST_F(AddressVerbs, ShowAndVerifyADataSetThatWasPushed) {
  fs::create_directories(folder_ / "data");
  write_shard_folder(folder_ / "data", random_shard_content(1, 3, 8, 16, 32));
  const std::string place = user_.address("open/corpora/first");
  ASSERT_EQ(data({"push", folder_ / "data", place}).exit_code, 0);
  const std::string address = public_address("open/corpora/first");
  const VerbOutcome verified = data({"verify", address});
  EXPECT_EQ(verified.exit_code, 0) << verified.errors;
  EXPECT_THAT(verified.output, HasSubstr("every file is as the manifest says"));
  const VerbOutcome shown = data({"show", address, "--shard", "2", "--sample", "7"});
  const VerbOutcome shown_folder = data({"show", folder_ / "data", "--shard", "2", "--sample", "7"});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_EQ(shown.output, shown_folder.output);
  for (const auto& entry : fs::directory_iterator(folder_ / "data")) {
    const std::string name = entry.path().filename();
    if (name == "manifest.json") continue;
    const std::string before = text_of(entry.path(), 1 << 20);
    std::string damaged = before;
    damaged[damaged.size() / 2] ^= 1;
    user_.server.place("open", "corpora/first/" + name, damaged);
    const VerbOutcome bad = data({"verify", address});
    EXPECT_EQ(bad.exit_code, 1) << name;
    EXPECT_THAT(bad.errors, HasSubstr(name));
    user_.server.place("open", "corpora/first/" + name, before);
  }
  EXPECT_THAT(data({"verify", public_address("open/none")}).errors, HasSubstr("no manifest.json there"));
}

}  // namespace templar::testing
