#include "ports/registered_stores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/test_ledger.h"

namespace templar::testing {
namespace {

// Hands over in two pieces what it has, and never holds it.
class PieceStore final : public ObjectReader {
 public:
  Result<std::optional<ObjectInfo>> head(std::string_view /*bucket*/, std::string_view key) const override {
    return ObjectInfo{.key = std::string(key), .size_bytes = 4};
  }
  Result<Bytes> get(std::string_view /*bucket*/, std::string_view /*key*/, uint64_t /*most*/) const override {
    return fatal_error("held as a whole");
  }
  Status get_pieces(std::string_view /*bucket*/, std::string_view /*key*/, uint64_t /*most*/,
                    const PieceSink& sink) const override {
    TRY(sink(as_bytes(std::string_view("ab"))));
    return sink(as_bytes(std::string_view("cd")));
  }
  Result<Bytes> get_range(std::string_view /*bucket*/, std::string_view /*key*/,
                          ByteRange /*range*/) const override {
    return fatal_error("a range");
  }
  Result<std::vector<ObjectInfo>> list(std::string_view /*bucket*/,
                                       std::string_view /*prefix*/) const override {
    return std::vector<ObjectInfo>();
  }
};

constexpr const char* kOwnAddress = "s3://own?endpoint=https://a.example";
constexpr const char* kPeerAddress = "s3://peer?endpoint=https://b.example";

// A store that says no to everything.
class ClosedStore final : public ObjectReader {
 public:
  Result<std::optional<ObjectInfo>> head(std::string_view /*bucket*/,
                                         std::string_view /*key*/) const override {
    return skip_error("access denied");
  }
  Result<Bytes> get(std::string_view /*bucket*/, std::string_view /*key*/, uint64_t /*most*/) const override {
    return skip_error("access denied");
  }
  Result<Bytes> get_range(std::string_view /*bucket*/, std::string_view /*key*/,
                          ByteRange /*range*/) const override {
    return skip_error("access denied");
  }
  Result<std::vector<ObjectInfo>> list(std::string_view /*bucket*/,
                                       std::string_view /*prefix*/) const override {
    return skip_error("access denied");
  }
};

class RegisteredStoresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    add(1, kOwnAddress);
    add(2, kPeerAddress);
    add(3, "");
    put(*own_, "node-1", "in own");
    put(*own_, "node-2", "not where it is registered");
    put(*own_, "node-3", "in the store that all share");
    put(*peer_, "node-2", "at the peer's");
  }

  Registration add(uint32_t number, const std::string& store) {
    return ledger_.add(number, NodeRole::kMiner, store);
  }
  static void put(ObjectStore& store, const std::string& bucket, std::string_view content) {
    ASSERT_TRUE(store.put(bucket, "key", as_bytes(content)));
  }
  std::string read(const ObjectReader& stores, const std::string& bucket) {
    const auto got = stores.get(bucket, "key", 100);
    return got ? std::string(as_text(*got)) : got.error().message;
  }
  RegisteredStores stores(RegisteredStores::SharedReader own) {
    return {ledger_, std::move(own), kOwnAddress,
            [this](const std::string& address) -> Result<RegisteredStores::SharedReader> {
              opened_.push_back(address);
              if (address == kPeerAddress) return RegisteredStores::SharedReader(peer_);
              if (address == "s3://closed") return RegisteredStores::SharedReader(closed_);
              return skip_error("an address that no peer may have");
            }};
  }

  VirtualClock clock_;
  TestLedger ledger_;
  std::shared_ptr<MemoryObjectStore> own_ = std::make_shared<MemoryObjectStore>(clock_);
  std::shared_ptr<MemoryObjectStore> peer_ = std::make_shared<MemoryObjectStore>(clock_);
  std::shared_ptr<ClosedStore> closed_ = std::make_shared<ClosedStore>();
  std::vector<std::string> opened_;
};

TEST_F(RegisteredStoresTest, ReadsEachBucketWhereItIsRegistered) {
  const RegisteredStores all = stores(own_);
  EXPECT_EQ(read(all, "node-1"), "in own");
  EXPECT_EQ(read(all, "node-2"), "at the peer's");
  EXPECT_EQ(read(all, "node-3"), "in the store that all share");
  EXPECT_EQ(all.head("node-2", "key").value()->size_bytes, 13u);
  EXPECT_EQ(as_text(all.get_range("node-2", "key", {3, 6}).value()), "the");
  EXPECT_EQ(all.list("node-2", "").value().size(), 1u);
  EXPECT_EQ(opened_, std::vector<std::string>{kPeerAddress}) << "opened once, and kept";
}

TEST_F(RegisteredStoresTest, HandsOverInPiecesWhatItsStoreDoes) {
  const RegisteredStores all = stores(std::make_shared<PieceStore>());
  std::vector<std::string> pieces;
  ASSERT_TRUE(all.get_pieces("node-1", "key", 10, [&](ByteView piece) -> Status {
    pieces.emplace_back(as_text(piece));
    return {};
  }));
  EXPECT_EQ(pieces, (std::vector<std::string>{"ab", "cd"}));
}

TEST_F(RegisteredStoresTest, FollowsAStoreThatMoves) {
  const RegisteredStores all = stores(own_);
  EXPECT_EQ(read(all, "node-3"), "in the store that all share");
  put(*peer_, "node-3", "moved");
  add(3, kPeerAddress);
  EXPECT_EQ(read(all, "node-3"), "moved");
}

// A miner that registers no address must not end those who have no folder to look in.
TEST_F(RegisteredStoresTest, TakesABucketWithoutAnAddressForEmptyWhereOthersHaveOne) {
  const RegisteredStores all = stores(nullptr);
  EXPECT_EQ(read(all, "node-2"), "at the peer's");
  EXPECT_EQ(all.head("node-3", "key").value(), std::nullopt);
  EXPECT_TRUE(fails(all.get("node-3", "key", 1), ErrorKind::kSkip, "uid 2 has registered no address"));
}

TEST_F(RegisteredStoresTest, AsksForTheFolderWhereNobodyHasAnAddress) {
  TestLedger ledger;
  ledger.add(1, NodeRole::kMiner);
  const RegisteredStores all(ledger, nullptr, "", [](const std::string&) { return fatal_error("asked"); });
  EXPECT_TRUE(fails(all.head("node-1", "key"), ErrorKind::kFatal, "uid 0 has registered no address"));
  EXPECT_TRUE(fails(all.list("node-9", ""), ErrorKind::kFatal, "bucket node-9: no node has it"));
}

// Such as the model that a run begins with.
TEST_F(RegisteredStoresTest, ReadsWhatNoNodeHasWhereTheLeaderWrites) {
  put(*peer_, "bootstrap", "a model");
  EXPECT_TRUE(fails(stores(nullptr).get("bootstrap", "key", 100), ErrorKind::kSkip, "no node has it"));
  ledger_.add(9, NodeRole::kValidator, kPeerAddress, 1);
  EXPECT_EQ(read(stores(nullptr), "bootstrap"), "a model");
  put(*own_, "bootstrap", "our own");
  EXPECT_EQ(read(stores(own_), "bootstrap"), "our own");
}

TEST_F(RegisteredStoresTest, TakesAStoreThatRefusesForAnEmptyOneAndSaysSoOnce) {
  add(4, "s3://closed");
  add(5, "s3://elsewhere");
  const CapturedLogs logs;
  const RegisteredStores all = stores(own_);
  for (const char* bucket : {"node-4", "node-5", "node-4", "node-5"}) {
    EXPECT_EQ(all.head(bucket, "key").value(), std::nullopt) << bucket;
    EXPECT_TRUE(all.list(bucket, "").value().empty()) << bucket;
  }
  EXPECT_TRUE(fails(all.get("node-4", "key", 1), ErrorKind::kSkip, "access denied"));
  EXPECT_TRUE(fails(all.get_range("node-5", "key", {0, 1}), ErrorKind::kSkip, "no peer may have"));
  EXPECT_EQ(logs.count("a node's store can't be read: it counts as empty"), 2u);
}

}  // namespace
}  // namespace templar::testing
