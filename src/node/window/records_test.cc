#include "node/window/records.h"

#include <gtest/gtest.h>

#include "ports/roster.h"
#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

constexpr int64_t kRecordWindow = 1;

// kLeader and kFollower are validators, uid 2 is a miner.
class Records : public ::testing::Test {
 protected:
  Records() {
    world_.ports.enter_window(kRecordWindow);
    world_.ports.publish_contribution(2, kRecordWindow);
  }
  [[nodiscard]] AggregateRecord record() const {
    return world_.ports.record_of(kRecordWindow, 0, world_.ports.initial_root(), {2});
  }
  [[nodiscard]] Bytes sealed(const AggregateRecord& record, uint32_t uid = kLeader) const {
    return seal_aggregate_record(record, world_.ports.key(uid));
  }
  void put(ByteView bytes, uint32_t uid = kLeader) {
    world_.ports.put(uid, aggregate_record_key(kRecordWindow), bytes);
  }
  [[nodiscard]] Decision decision_of(ByteView bytes) const {
    return {.window = kRecordWindow,
            .state_root = world_.ports.initial_root(),
            .record_hash = blake2b_256(bytes)};
  }
  [[nodiscard]] auto read(ByteView decided, const ObjectReader* store = nullptr) {
    const NodeEnvironment environment = environment_of(world_.ports, {.store = store});
    return read_decided_record(environment, validators_by_stake(world_.ports.roster()),
                               world_.ports.public_key(kLeader), decision_of(decided));
  }
  [[nodiscard]] auto read_own() const {
    return read_own_record(world_.environment, world_.ports.registration(kLeader), kRecordWindow);
  }

  TestWorld world_{{.miners = 1, .validators = 2}};
};

// Its bytes prove it: each validator's copy is as good.
TEST_F(Records, AreReadWhereverACopyOfTheDecidedBytesLies) {
  const Bytes bytes = sealed(record());
  for (const uint32_t uid : {kLeader, kFollower}) {
    put(bytes, uid);
    const auto read_back = read(bytes);
    ASSERT_TRUE(read_back) << read_back.error().message;
    EXPECT_EQ(read_back->record, record());
    EXPECT_EQ(read_back->bytes, bytes);
    world_.ports.remove(uid, aggregate_record_key(kRecordWindow));
  }
}

TEST_F(Records, ArePassedOverWhereTheyAreNotTheDecidedBytes) {
  const Bytes bytes = sealed(record());
  AggregateRecord other = record();
  other.accepted.clear();
  put(sealed(other));
  EXPECT_TRUE(fails(read(bytes), ErrorKind::kSkip, "validator 0: another record is there"));
  put(bytes, kFollower);
  EXPECT_EQ(read(bytes)->record, record()) << "what the leader's bucket has meanwhile counts for nothing";
}

TEST_F(Records, AreNothingWhereNobodyHasThem) {
  EXPECT_TRUE(fails(read(sealed(record())), ErrorKind::kSkip, "window 1: record "));
}

// A decision names it, so no other copy can be better.
TEST_F(Records, AreRefusedWhereTheDecidedBytesAreNoRecordOfThatWindow) {
  const Bytes rubbish(100, 7);
  put(rubbish);
  EXPECT_TRUE(fails(read(rubbish), ErrorKind::kSkip, "window 1: record "));
  AggregateRecord other = record();
  other.window = 0;
  put(sealed(other));
  EXPECT_TRUE(fails(read(sealed(other)), ErrorKind::kSkip, "window: made for 0, not for 1"));
  other = record();
  other.run_id.bytes[0] ^= 1;
  put(sealed(other));
  EXPECT_TRUE(fails(read(sealed(other)), ErrorKind::kSkip, "run id"));
  other = record();
  other.state_root.bytes[0] ^= 1;
  put(sealed(other));
  EXPECT_TRUE(fails(read(sealed(other)), ErrorKind::kSkip, "state root"));
  put(sealed(record(), 2));
  EXPECT_TRUE(fails(read(sealed(record(), 2)), ErrorKind::kSkip, "leader: "));
}

// A store in front of another, in which one bucket is away.
class AwayBucket final : public ObjectReader {
 public:
  AwayBucket(const ObjectReader& store, std::string bucket) : store_(store), bucket_(std::move(bucket)) {}
  Result<std::optional<ObjectInfo>> head(std::string_view bucket, std::string_view key) const override {
    return store_.head(bucket, key);
  }
  Result<Bytes> get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const override {
    if (bucket == bucket_) return retry_error("away");
    return store_.get(bucket, key, max_bytes);
  }
  Result<Bytes> get_range(std::string_view bucket, std::string_view key, ByteRange range) const override {
    return store_.get_range(bucket, key, range);
  }
  Result<std::vector<ObjectInfo>> list(std::string_view bucket, std::string_view prefix) const override {
    return store_.list(bucket, prefix);
  }

 private:
  const ObjectReader& store_;
  const std::string bucket_;
};

TEST_F(Records, AreWaitedForWhereAStoreThatMayHaveThemIsAway) {
  const AwayBucket store(world_.ports.store, test_bucket(kLeader));
  const Bytes bytes = sealed(record());
  EXPECT_TRUE(fails(read(bytes, &store), ErrorKind::kRetry, "validator 0: away"));
  put(bytes, kFollower);
  EXPECT_TRUE(read(bytes, &store)) << "nobody waits for the leader's where there is a copy";
}

TEST_F(Records, OfAValidatorsOwnAreReadDecidedOrNot) {
  EXPECT_EQ(read_own()->has_value(), false);
  put(sealed(record()));
  const auto own = read_own();
  ASSERT_TRUE(own && *own);
  EXPECT_EQ((*own)->record, record());
  put(sealed(record(), kFollower));
  EXPECT_TRUE(fails(read_own(), ErrorKind::kSkip, "leader: ")) << "a copy of another's is not its own";
  put(Bytes(kMaxAggregateRecordSize + 1));
  EXPECT_TRUE(fails(read_own(), ErrorKind::kSkip, "window 1: the record of validator uid 0: "));
}

TEST_F(Records, AskNobodyWhereTheyNameNoPeers) {
  AggregateRecord nobody = record();
  EXPECT_FALSE(asks_nobody(nobody));
  nobody.gather_peers.clear();
  EXPECT_TRUE(asks_nobody(nobody));
  nobody.reserve_peers = {2};
  EXPECT_FALSE(asks_nobody(nobody));
  EXPECT_EQ(selection_of(nobody).reserve, std::vector<uint32_t>{2});
}

}  // namespace
}  // namespace templar::testing
