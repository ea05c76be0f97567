#include "app/world/open_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "app/verbs/verbs.h"
#include "app/world/node_world.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/http_server.h"
#include "support/json_values.h"
#include "support/run_verb.h"
#include "support/s3_user.h"
#include "support/shard_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class OpenData : public ::testing::Test {
 protected:
  OpenData() {
    fs::create_directory(folder_ / "set");
    // Four windows train on three shards, so that the active one changes.
    write_shard_folder(set_, random_shard_content(1, 3, 200, 32, 256));
  }

  static VerbOutcome push(const std::string& folder, const std::string& address,
                          const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"data", "push", folder, address};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_verb(add_data_command, arguments);
  }
  [[nodiscard]] DataOptions options(const std::string& data) const {
    return {.data = data, .cache_folder = folder_ / "cache"};
  }
  // A small network's state root after four windows.
  std::string root_of_run(const std::string& data, const std::string& out,
                          std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"localnet",          "--data", data,       "--out", folder_ / out,
                                          "--windows",         "4",      "--miners", "2",     "--no-baseline",
                                          "--heldout-samples", "4"};
    for (const char* change :
         {"model.hidden_size=32", "model.num_hidden_layers=1", "model.intermediate_size=64",
          "inner.sequence_length=32", "inner.batch_size=2", "inner.steps=2", "scoring.evaluation_samples=2",
          "network.checkpoint_interval=2", "data.outer_steps_per_shard=1"}) {
      arguments.insert(arguments.end(), {"--set", change});
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    const VerbOutcome outcome = run_verb(add_localnet_command, arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output << outcome.errors;
    const std::string summary = text_of(folder_ / out / "summary.json");
    EXPECT_THAT(summary, HasSubstr("\"roots_agree\": true"));
    const size_t root = summary.find("\"state_root\"");
    EXPECT_NE(root, std::string::npos) << summary;
    return root == std::string::npos ? summary : summary.substr(root, 90);
  }

  S3User user_{SystemClock().now_ms()};
  TemporaryFolder folder_;
  const std::string set_ = (folder_ / "set").string();
  const std::string address_ = user_.address("closed/corpora/first");
};

TEST_F(OpenData, KnowsAnAddressFromAFolder) {
  for (const char* address : {"s3://bucket", "https://host/bucket/set", "http://host/bucket"})
    EXPECT_TRUE(is_data_address(address)) << address;
  for (const char* folder : {"data", "/data/set", "./s3:", ""})
    EXPECT_FALSE(is_data_address(folder)) << folder;
}

TEST_F(OpenData, WhatWasPushedIsTheSameDataSet) {
  const VerbOutcome pushed = push(set_, address_);
  ASSERT_EQ(pushed.exit_code, 0) << pushed.errors;
  const auto folder = open_any_data(options(set_)).value();
  EXPECT_THAT(pushed.output,
              AllOf(HasSubstr("9 files"), HasSubstr("--data '" + address_ + "'"),
                    HasSubstr("--set data.manifest_hash=" + folder.shards->manifest_hash()->hex())));
  const auto opened = open_any_data(options(address_));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->shards->manifest_hash(), folder.shards->manifest_hash());
  EXPECT_EQ(opened->tokenizer->name(), "bytes");
  const Shard shard = opened->shards->open_shard(2).value();
  EXPECT_EQ(shard.sample_id(7), folder.shards->open_shard(2).value().sample_id(7));
}

TEST_F(OpenData, PushSendsNothingTwiceAndReplacesNothingUnasked) {
  ASSERT_EQ(push(set_, address_).exit_code, 0);
  EXPECT_THAT(push(set_, address_).output, HasSubstr("0 of them sent now"));
  fs::create_directory(folder_ / "other");
  write_shard_folder(folder_ / "other", random_shard_content(2, 3, 200, 32, 256));
  const VerbOutcome refused = push(folder_ / "other", address_);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("another data set is there"), HasSubstr("--force")));
  EXPECT_THAT(push(folder_ / "other", address_, {"--force"}).output, HasSubstr("9 of them sent now"));
}

TEST_F(OpenData, PushSaysWhatIsWrong) {
  for (const auto& [folder, address, said] : std::vector<std::array<std::string, 3>>{
           {set_, "https://host/bucket/set", "a web server takes no uploads"},
           {set_, "nowhere", "an address is file:FOLDER or s3://BUCKET"},
           {folder_ / "none", address_, "no such folder"},
           {set_, user_.address("missing"), "there is no such bucket: make it"}}) {
    const VerbOutcome outcome = push(folder, address);
    EXPECT_EQ(outcome.exit_code, 1) << said;
    EXPECT_THAT(outcome.errors, HasSubstr(said));
    EXPECT_THAT(outcome.errors, Not(HasSubstr("owner-secret")));
  }
}

TEST_F(OpenData, WhatWasPushedToAFolderIsOpenedAsOne) {
  const std::string target = folder_ / "copies" / "data";
  const VerbOutcome pushed = push(set_, "file:" + (folder_ / "copies").string());
  ASSERT_EQ(pushed.exit_code, 0) << pushed.errors;
  EXPECT_THAT(pushed.output, HasSubstr("--data " + target + "\n"));
  const auto opened = open_any_data(options(target));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->shards->manifest_hash(), open_any_data(options(set_))->shards->manifest_hash());
}

TEST_F(OpenData, ReadsWhatAWebServerGives) {
  const HttpServer server([&](int, const httplib::Request& request, httplib::Response& response) {
    const fs::path file = folder_ / fs::path(request.path).relative_path();
    if (!is_there(file)) {
      response.status = 404;
      return;
    }
    response.set_header("Last-Modified", "Sat, 28 Nov 2026 12:00:00 GMT");
    response.set_content(text_of(file, 1 << 20), "application/octet-stream");
  });
  const auto opened = open_any_data(options(server.url("/set")));
  ASSERT_TRUE(opened) << opened.error().message;
  const auto folder = open_any_data(options(set_)).value();
  EXPECT_EQ(opened->shards->open_shard(1).value().sample_id(3),
            folder.shards->open_shard(1).value().sample_id(3));
  for (const httplib::Request& request : server.requests()) EXPECT_FALSE(request.has_header("Authorization"));
  EXPECT_TRUE(fails(open_any_data(options(server.url("/none/"))), ErrorKind::kFatal,
                    server.url("/none") + ": no manifest.json there"));
  EXPECT_TRUE(fails(open_any_data(options("https://host")), ErrorKind::kFatal, "https://HOST/FOLDER"));
  EXPECT_TRUE(
      fails(open_any_data(options("https://host/set?a=b")), ErrorKind::kFatal, "https://HOST/FOLDER"));
}

TEST_F(OpenData, ARunFromABucketHasTheRootsOfOneFromTheFolder) {
  ASSERT_EQ(push(set_, address_).exit_code, 0);
  const std::string root = root_of_run(set_, "from-folder");
  // Now and then the server fails; that changes nothing.
  user_.server.fail_next("GET", S3Fault::kCutBody);
  user_.server.fail_next("GET", S3Fault::kUnavailable);
  EXPECT_EQ(root_of_run(address_, "from-bucket"), root);
  EXPECT_TRUE(is_there(folder_ / "from-bucket" / "data-cache"));
}

TEST_F(OpenData, ARunThatNamesNoDataSetIsWarned) {
  ASSERT_EQ(push(set_, address_).exit_code, 0);
  RunSpec spec = load_run_spec("tiny").value();
  const CapturedLogs logs;
  ASSERT_TRUE(open_run_data(options(address_), spec));
  EXPECT_THAT(logs.text(), HasSubstr("data.manifest_hash"));
  spec.data.manifest_hash = std::string(64, 'a');
  EXPECT_TRUE(fails(open_run_data(options(address_), spec), ErrorKind::kFatal, "the run trains on aaaa"));
}

TEST_F(OpenData, ThoseWhoOpenOneAddressWithOneCacheShareIt) {
  ASSERT_EQ(push(set_, address_).exit_code, 0);
  const auto first = open_any_data(options(address_)).value();
  EXPECT_EQ(open_any_data(options(address_))->shards, first.shards);
  EXPECT_NE(open_any_data({.data = address_, .cache_folder = folder_ / "other-cache"})->shards, first.shards);
}

}  // namespace
}  // namespace templar::testing
