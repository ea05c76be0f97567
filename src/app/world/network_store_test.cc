#include "app/world/network_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "core/run/run_spec.h"
#include "support/expect_failure.h"
#include "support/run_specs.h"
#include "support/temporary_folder.h"
#include "support/test_ledger.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kAddress = "s3://bucket/a?endpoint=https://s3.example:8443&region=here";

class NetworkStoreTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<NetworkStore>> open(const OwnStoreOptions& options) {
    return NetworkStore::open(options, spec_, ledger_);
  }

  RunSpec spec_ = small_run_spec();
  TestLedger ledger_;
  TemporaryFolder folder_;
};

TEST_F(NetworkStoreTest, OfAFolderIsTheFolderByTheLedgersTime) {
  ASSERT_TRUE(ledger_.make_block(77000));
  for (const std::string& address : {folder_.path().string(), "file:" + folder_.path().string()}) {
    const auto store = open({.address = address}).value();
    ASSERT_TRUE(store->own()->put("bucket", "key", as_bytes("content")));
    EXPECT_EQ(store->all().head("bucket", "key").value()->stored_at_ms, 77000);
    EXPECT_EQ(store->registered_address(), "");
    EXPECT_FALSE(store->is_remote());
  }
}

TEST_F(NetworkStoreTest, OfABucketTellsOthersHowToReadIt) {
  const auto store = open({.address = kAddress}).value();
  EXPECT_EQ(store->registered_address(), std::string(kAddress) + "&access=public");
  EXPECT_TRUE(store->is_remote());
  EXPECT_NE(store->own(), nullptr);
}

TEST_F(NetworkStoreTest, TellsOthersTheKeyToReadWith) {
  ASSERT_TRUE(write_file_atomically(folder_ / "read.key", as_bytes("AKIA:se/cret\n")));
  const std::string file = (folder_ / "read.key").string();
  const auto store = open({.address = kAddress, .read_key_file = file}).value();
  EXPECT_EQ(store->registered_address(), std::string(kAddress) + "&read-key=AKIA:se/cret");
  ASSERT_TRUE(write_file_atomically(folder_ / "read.key", as_bytes("AKIA")));
  EXPECT_TRUE(fails(open({.address = kAddress, .read_key_file = file}), ErrorKind::kFatal, "ID:SECRET"));
  EXPECT_TRUE(
      fails(open({.address = kAddress, .read_key_file = file + "x"}), ErrorKind::kFatal, "No such file"));
}

TEST_F(NetworkStoreTest, IsNotOpenedWhereOthersWouldRefuseIt) {
  const OwnStoreOptions plain{.address = "s3://bucket?endpoint=http://s3.example"};
  const OwnStoreOptions loopback{.address = "s3://bucket?endpoint=https://127.0.0.1:9000"};
  for (const OwnStoreOptions& options : {plain, loopback}) {
    EXPECT_TRUE(fails(open(options), ErrorKind::kFatal, "the other nodes would refuse it"))
        << options.address;
  }
  spec_.network.allow_http_stores = true;
  EXPECT_TRUE(open(plain));
  EXPECT_FALSE(open(loopback));
  spec_.network.allow_private_stores = true;
  EXPECT_TRUE(open(loopback));
}

TEST_F(NetworkStoreTest, OfWhoWritesNothingReadsWhereOthersHaveRegistered) {
  const auto store = open({}).value();
  EXPECT_EQ(store->own(), nullptr);
  // This machine's own metadata, of all things.
  ledger_.add(1, NodeRole::kMiner, "s3://bucket?endpoint=http://169.254.169.254");
  EXPECT_EQ(store->all().head("node-1", "key").value(), std::nullopt);
  EXPECT_TRUE(fails(store->all().get("node-1", "key", 1), ErrorKind::kSkip, "http"));
}

TEST_F(NetworkStoreTest, RefusesWhatIsNoAddress) {
  EXPECT_TRUE(fails(open({.address = "s3:bucket"}), ErrorKind::kFatal, "an address is"));
  EXPECT_TRUE(fails(open({.address = "s3://"}), ErrorKind::kFatal, "bucket name"));
}

}  // namespace
}  // namespace templar::testing
