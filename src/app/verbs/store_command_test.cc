#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "app/verbs/verbs.h"
#include "base/clock.h"
#include "support/file_content.h"
#include "support/run_verb.h"
#include "support/s3_user.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

VerbOutcome store(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "store");
  return run_verb(add_store_command, std::move(arguments));
}

class StoreCommand : public ::testing::Test {
 protected:
  [[nodiscard]] std::string address(const std::string& place) const { return user_.address(place); }
  std::string file(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }
  // Puts, lists, measures, gets and removes, at either kind of address.
  void move_objects(const std::string& at) {
    std::string large(20 << 20, 'a');
    for (size_t i = 0; i < large.size(); i += 1000) large[i] = static_cast<char>(i / 1000);
    const std::string large_file = file("large", large);
    VerbOutcome outcome = store({"put", at, "bucket/large", large_file});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    EXPECT_EQ(store({"put", at, "bucket/a/empty", file("empty", "")}).exit_code, 0);
    EXPECT_EQ(store({"put", at, "other/name", file("name", "content")}).exit_code, 0);
    outcome = store({"ls", at});
    EXPECT_THAT(outcome.output, ContainsRegex(" 0  20[0-9-]+ [0-9:]+  bucket/a/empty\n +20971520  .*  "
                                              "bucket/large\n +7  .*  other/name\n"));
    EXPECT_THAT(store({"ls", at, "bucket/a"}).output,
                AllOf(HasSubstr("bucket/a/empty"), Not(HasSubstr("large"))));
    EXPECT_THAT(store({"du", at}).output,
                AllOf(ContainsRegex(" 2 +21.0 MB  bucket\n"), ContainsRegex(" 3 +21.0 MB  in all")));
    EXPECT_EQ(store({"get", at, "bucket/large", folder_ / "back"}).exit_code, 0);
    EXPECT_TRUE(text_of(folder_ / "back", large.size()) == large);
    outcome = store({"get", at, "other/name", folder_ / "back"});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("exists; --force replaces it"));
    EXPECT_EQ(store({"get", at, "other/name", folder_ / "back", "--force"}).exit_code, 0);
    EXPECT_EQ(text_of(folder_ / "back"), "content");
    outcome = store({"rm", at, "other/name", "other/none"});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("no object is called other/none"));
    EXPECT_THAT(store({"ls", at}).output, HasSubstr("other/name"))
        << "nothing is removed where a name is wrong";
    EXPECT_THAT(store({"rm", at, "bucket", "--below"}).output, HasSubstr("2 objects removed"));
    EXPECT_THAT(store({"du", at}).output, ContainsRegex(" 1 +7 bytes  in all"));
  }

  TemporaryFolder folder_;
  S3User user_{SystemClock().now_ms()};
  StrictS3Server& server_ = user_.server;
};

}  // namespace

TEST_F(StoreCommand, MovesObjectsInAFolder) {
  fs::create_directory(folder_ / "store");
  move_objects("file:" + (folder_ / "store").string());
}

TEST_F(StoreCommand, MovesObjectsInABucket) {
  move_objects(address("closed/a/prefix"));
}

TEST_F(StoreCommand, SaysWhatIsWrongAndLeavesNothingBehind) {
  const std::string at = address("closed");
  for (const auto& [arguments, said] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"get", at, "none", folder_ / "new"}, "no object is called none"},
           {{"get", at, "../none", folder_ / "new"}, "object key"},
           {{"put", at, "name", folder_ / "missing"}, "there is no such file"},
           {{"put", at, "name", folder_.path()}, "is no file"},
           {{"put", address("none"), "name", file("name", "x")}, "there is no such bucket: make it"},
           {{"ls", "closed"}, "an address is file:FOLDER or s3://BUCKET"},
           {{"ls", "file:" + (folder_ / "missing").string()}, "there is no such folder"},
           {{"ls", at, "--as-peer"}, "http is not allowed"},
           {{"ls", "file:/", "--as-peer"}, "no peer's address"},
           {{"ls", "s3://closed?endpoint=https://localhost", "--as-peer"}, "the local network"}}) {
    const VerbOutcome outcome = store(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << said;
    EXPECT_THAT(outcome.errors, HasSubstr(said));
  }
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  EXPECT_EQ(server_.requests("PUT"), 1);
}

TEST_F(StoreCommand, KeepsWhatIsThereWhereAnObjectBreaksOff) {
  server_.place("closed", "name", std::string(100, 'x'));
  const std::string target = file("target", "old");
  server_.fail_next("GET", S3Fault::kForbidden);
  EXPECT_EQ(store({"get", address("closed"), "name", target, "--force"}).exit_code, 1);
  EXPECT_EQ(text_of(target), "old");
}

TEST_F(StoreCommand, TakesWhatTheAddressLeavesOpenFromTheEnvironment) {
  server_.place("closed", "name", "content");
  ::setenv("AWS_ENDPOINT_URL_S3", server_.endpoint().c_str(), 1);
  EXPECT_THAT(store({"ls", "s3://closed"}).output, HasSubstr("name"));
  ::setenv("AWS_ENDPOINT_URL_S3", "nonsense", 1);
  EXPECT_THAT(store({"ls", "s3://closed"}).errors,
              HasSubstr("the endpoint that the environment or its profile names"));
  ::unsetenv("AWS_ENDPOINT_URL_S3");
  ::unsetenv("AWS_ACCESS_KEY_ID");
  EXPECT_THAT(store({"ls", address("closed")}).errors, HasSubstr("AWS_ACCESS_KEY_ID is not"));
  server_.place("open", "name", "content");
  EXPECT_THAT(store({"ls", address("open") + "&access=public"}).output, HasSubstr("name"));
}

TEST_F(StoreCommand, ChecksAStore) {
  VerbOutcome outcome = store({"check", address("open"), "--size", "100000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("OK    write"), HasSubstr("OK    read"), HasSubstr("OK    list"),
                    HasSubstr("latency"), HasSubstr("OK    throughput"), HasSubstr("OK    others read"),
                    HasSubstr("OK    others write"), HasSubstr("WARN  address        peers would refuse it"),
                    HasSubstr("OK    remove"), Not(HasSubstr("BAD"))));
  EXPECT_EQ(store({"ls", address("open")}).output, "") << "it leaves nothing behind";
  outcome = store({"check", address("closed"), "--size", "100000"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.output, HasSubstr("WARN  others read    they can't: peers"));
  server_.clock.advance(120'000);
  outcome = store({"check", address("open"), "--size", "100000"});
  EXPECT_THAT(outcome.output,
              ContainsRegex("WARN  clock +the store's is \\+1[12][0-9].* s from ours: set this"));
  fs::create_directory(folder_ / "store");
  EXPECT_EQ(store({"check", "file:" + (folder_ / "store").string(), "--size", "100000"}).exit_code, 0);
}

TEST_F(StoreCommand, SaysThatWhatIsMissingLooksForbiddenToOthers) {
  server_.hide_missing("open");
  const VerbOutcome outcome = store({"check", address("open"), "--size", "1000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("WARN  others miss    what is missing looks forbidden"));
}

TEST_F(StoreCommand, SaysWhatIsBadOfAStore) {
  VerbOutcome outcome = store({"check", address("none")});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("BAD   write"));
  EXPECT_THAT(outcome.errors, HasSubstr("no node can work with this store"));
  // Answers that go by way of a cache: what is read is not what was written.
  server_.fail_next("GET", S3Fault::kWrongBytes, 2);
  outcome = store({"check", address("open"), "--size", "1000"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.output, HasSubstr("BAD   read"));
}

}  // namespace templar::testing
