#include "node/window/records.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

constexpr int64_t kRecordWindow = 1;

class Records : public ::testing::Test {
 protected:
  Records() {
    world_.ports.enter_window(kRecordWindow);
    world_.ports.publish_contribution(kMiner, kRecordWindow);
  }
  [[nodiscard]] AggregateRecord record() const {
    return world_.ports.record_of(kRecordWindow, 0, world_.ports.initial_root(), {kMiner});
  }
  void put(ByteView bytes) { world_.ports.put(kLeader, aggregate_record_key(kRecordWindow), bytes); }
  [[nodiscard]] auto read() const {
    return read_record(world_.environment, world_.ports.registration(kLeader), kRecordWindow);
  }

  TestWorld world_{{.miners = 1}};
};

TEST_F(Records, AreReadAsTheLeaderMadeThem) {
  world_.ports.publish_record(record());
  const auto read_back = read();
  ASSERT_TRUE(read_back && *read_back);
  EXPECT_EQ(**read_back, record());
}

TEST_F(Records, AreNothingBeforeTheLeaderHasPublishedThem) {
  const auto read_back = read();
  ASSERT_TRUE(read_back) << read_back.error().message;
  EXPECT_FALSE(*read_back);
}

TEST_F(Records, AreRefusedWhereOneBitIsWrong) {
  Bytes bytes = seal_aggregate_record(record(), world_.ports.key(kLeader));
  bytes[60] ^= 1;
  put(bytes);
  EXPECT_TRUE(fails(read(), ErrorKind::kSkip, "window 1: the record of leader uid 0: "));
}

TEST_F(Records, AreRefusedFromAnybodyButTheLeader) {
  put(seal_aggregate_record(record(), world_.ports.key(kMiner)));
  EXPECT_TRUE(fails(read(), ErrorKind::kSkip, "leader: "));
}

TEST_F(Records, AreRefusedWhereTheyWereMadeForAnotherWindowOrRun) {
  AggregateRecord other = record();
  other.window = 0;
  put(seal_aggregate_record(other, world_.ports.key(kLeader)));
  EXPECT_TRUE(fails(read(), ErrorKind::kSkip, "window: made for 0, not for 1"));
  other = record();
  other.run_id.bytes[0] ^= 1;
  put(seal_aggregate_record(other, world_.ports.key(kLeader)));
  EXPECT_TRUE(fails(read(), ErrorKind::kSkip, "run id"));
}

TEST_F(Records, AreRefusedWhereTheyAreLargerThanAnyRecord) {
  put(Bytes(kMaxAggregateRecordSize + 1));
  EXPECT_TRUE(fails(read(), ErrorKind::kSkip, "window 1: the record of leader uid 0: "));
}

TEST_F(Records, SayWhichIsTheNewest) {
  const Registration leader = world_.ports.registration(kLeader);
  EXPECT_EQ(newest_record_window(world_.environment, leader).value(), std::nullopt);
  for (const int64_t window : {3, 12, 7}) {
    world_.ports.put(kLeader, aggregate_record_key(window), as_bytes("x"));
  }
  world_.ports.put(kLeader, "records/zzz", as_bytes("x"));
  EXPECT_EQ(newest_record_window(world_.environment, leader).value(), 12);
}

// Lists are replaced at windows 0, 4, 8: window w's record names w as its only peer.
class PeersInForce : public Records {
 protected:
  void publish(std::initializer_list<int64_t> windows) {
    for (const int64_t window : windows) {
      AggregateRecord record = this->record();
      record.window = window;
      record.gather_peers = {static_cast<uint32_t>(window)};
      record.accepted.clear();
      world_.ports.publish_record(record);
    }
  }
  [[nodiscard]] std::optional<uint32_t> peer_in(int64_t window) const {
    const auto peers = peers_in_force(world_.environment, world_.ports.registration(kLeader), window);
    if (!peers || !*peers) return std::nullopt;
    return (*peers)->gather.at(0);
  }
};

TEST_F(PeersInForce, AreThoseOfTheNearestRecordWithTheSameList) {
  publish({3, 4, 7, 8});
  EXPECT_EQ(peer_in(5), 4u);
  EXPECT_EQ(peer_in(6), 7u);
}

TEST_F(PeersInForce, AreNotTakenFromAcrossAReplacementWhereThereIsAnother) {
  publish({3, 7});
  EXPECT_EQ(peer_in(4), 7u) << "3 is nearer";
}

TEST_F(PeersInForce, AreThoseOfTheRecordBeforeWhereNoneHasTheSameList) {
  publish({1, 2, 8});
  EXPECT_EQ(peer_in(5), 2u);
}

TEST_F(PeersInForce, AreUnknownWithoutARecordNear) {
  publish({2, 12});
  EXPECT_EQ(peer_in(9), std::nullopt);
}

TEST_F(PeersInForce, PassOverRecordsThatAreUnusable) {
  publish({4, 7});
  world_.ports.put(kLeader, aggregate_record_key(4), as_bytes("rubbish"));
  EXPECT_EQ(peer_in(5), 7u);
}

}  // namespace
}  // namespace templar::testing
