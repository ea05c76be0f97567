#include "core/protocol/aggregate_record.h"

#include <gtest/gtest.h>

#include <functional>

#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/synthetic_contribution.h"

namespace templar {
namespace {

using testing::fails;
using testing::key_of_uid;

constexpr uint32_t kLeader = 40;

AggregateRecord record() {
  AggregateRecord record;
  record.run_id = blake2b_256(as_bytes("run"));
  record.window = 12;
  record.outer_step = 9;
  record.state_root = blake2b_256(as_bytes("state"));
  record.gather_peers = {5, 2, 9};
  record.reserve_peers = {1, 0x01020304};
  record.accepted = {{2, blake2b_256(as_bytes("two")), 1000}, {5, blake2b_256(as_bytes("five")), 1001}};
  record.rejected = {{1, {VerdictCode::kTooLate, "stored 3 s after the put window"}},
                     {9, {VerdictCode::kMissing, ""}}};
  record.leader = key_of_uid(kLeader).public_key();
  return record;
}

Bytes sealed_record() {
  return seal_aggregate_record(record(), key_of_uid(kLeader));
}

AggregateRecord amended_record() {
  AggregateRecord amended = record();
  amended.amendments = {3, blake2b_256(as_bytes("amendment 3"))};
  return amended;
}

Bytes sealed_amended_record() {
  return seal_aggregate_record(amended_record(), key_of_uid(kLeader));
}

Bytes resealed_record(const std::function<void(Bytes&)>& change, Bytes bytes = sealed_record()) {
  bytes.resize(bytes.size() - 64);
  change(bytes);
  const Signature signature = key_of_uid(kLeader).sign(bytes);
  bytes.insert(bytes.end(), signature.bytes.begin(), signature.bytes.end());
  return bytes;
}

// Where the lists begin, and the sizes of the sample record's.
constexpr size_t kGather = 118;  // or the amendment's number, in a record that names one
constexpr size_t kReserve = kGather + 2 + 3 * 4;
constexpr size_t kAccepted = kReserve + 2 + 2 * 4;
constexpr size_t kRejected = kAccepted + 2 + 2 * 44;

TEST(AggregateRecord, ComesBackAsItWasSealed) {
  const auto parsed = parse_aggregate_record(sealed_record());
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(*parsed, record());
}

TEST(AggregateRecord, OfANullRoundHasEmptyLists) {
  AggregateRecord null_round = record();
  null_round.gather_peers = null_round.reserve_peers = {};
  null_round.accepted = {};
  null_round.rejected = {};
  const Bytes bytes = seal_aggregate_record(null_round, key_of_uid(kLeader));
  EXPECT_EQ(bytes.size(), kGather + 4 * 2 + 64);
  const auto parsed = parse_aggregate_record(bytes);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(*parsed, null_round);
}

TEST(AggregateRecord, NamesTheAmendmentsInForceWhereThereAreAny) {
  const Bytes bytes = sealed_amended_record();
  EXPECT_EQ(bytes.size(), sealed_record().size() + 40);
  EXPECT_EQ(to_hex(ByteView(bytes).subspan(4, 2)), "0200");
  EXPECT_EQ(to_hex(ByteView(bytes).subspan(kGather, 8)), "0300000000000000");
  const auto parsed = parse_aggregate_record(bytes);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(*parsed, amended_record());
  EXPECT_EQ(blake2b_256(bytes).hex(), "aabf35f329090b7fc689c8210464b2e0813bd1d57546e2bf37f8f3e51dff1a77");
  const auto refuses = [&](const char* reason, const std::function<void(Bytes&)>& change) {
    EXPECT_TRUE(fails(parse_aggregate_record(resealed_record(change, bytes)), ErrorKind::kSkip, reason));
  };
  refuses("amendment: 0", [](Bytes& b) { b[kGather] = 0; });
  refuses("amendment: ", [](Bytes& b) { b[kGather + 7] = 0x80; });
  refuses("version: 3, only 1 and 2", [](Bytes& b) { b[4] = 3; });
}

TEST(AggregateRecord, KeepsItsBytesFromVersionToVersion) {
  // Frozen: a change of format without a change of version would show here.
  EXPECT_EQ(blake2b_256(sealed_record()).hex(),
            "493fcc921175b37c17be4e030cdfc819b733e5925d5336ee0b166f0c82eee29d");
}

TEST(AggregateRecord, CutsRejectionTextsAndMakesThemPrintable) {
  AggregateRecord long_text = record();
  long_text.rejected[0].verdict.reason = "tab\there" + std::string(300, 'x');
  const auto parsed = parse_aggregate_record(seal_aggregate_record(long_text, key_of_uid(kLeader)));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->rejected[0].verdict.reason, "tab?here" + std::string(192, 'x'));
}

TEST(AggregateRecord, FitsItsLimitWhenAllListsAreFull) {
  AggregateRecord full = amended_record();
  full.gather_peers.clear(), full.reserve_peers.clear(), full.accepted.clear(), full.rejected.clear();
  for (uint32_t uid = 0; uid < kMaxRecordPeers; ++uid) {
    full.gather_peers.push_back(uid);
    full.reserve_peers.push_back(uid + 2000);
    full.accepted.push_back({uid, {}, 1});
    full.rejected.push_back({uid + 2000, {VerdictCode::kInvalid, std::string(500, 'r')}});
  }
  const Bytes bytes = seal_aggregate_record(full, key_of_uid(kLeader));
  EXPECT_EQ(bytes.size(), kMaxAggregateRecordSize);
  EXPECT_TRUE(parse_aggregate_record(bytes).has_value());
}

TEST(AggregateRecord, RefusesEveryTruncation) {
  const Bytes bytes = sealed_record();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(fails(parse_aggregate_record(ByteView(bytes).first(size)), ErrorKind::kSkip)) << size;
  }
}

TEST(AggregateRecord, RefusesEveryFlippedBit) {
  const Bytes bytes = sealed_record();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_TRUE(fails(parse_aggregate_record(flipped), ErrorKind::kSkip)) << "bit " << bit;
  }
}

TEST(AggregateRecord, NamesTheFieldThatIsWrong) {
  const auto refuses = [](const char* reason, const std::function<void(Bytes&)>& change) {
    EXPECT_TRUE(fails(parse_aggregate_record(resealed_record(change)), ErrorKind::kSkip, reason));
  };
  refuses("magic", [](Bytes& b) { b[0] = 'X'; });
  refuses("version: 3", [](Bytes& b) { b[4] = 3; });
  refuses("window: ", [](Bytes& b) { b[45] = 0x80; });
  refuses("outer step: ", [](Bytes& b) { b[53] = 0x80; });
  refuses("gather peers: 65283 entries", [](Bytes& b) { b[kGather + 1] = 0xff; });
  refuses("uid 2 is in them twice", [](Bytes& b) { b[kReserve + 2] = 2; });
  refuses("accepted: uid 5 does not ascend", [](Bytes& b) { b[kAccepted + 2] = 5; });
  refuses("accepted size: ", [](Bytes& b) { b[kAccepted + 2 + 43] = 0x80; });
  refuses("rejected: uid 9 does not ascend", [](Bytes& b) { b[kRejected + 2] = 10; });
  refuses("rejected: uid 2 is accepted too", [](Bytes& b) { b[kRejected + 2] = 2; });
  refuses("verdict: 0", [](Bytes& b) { b[kRejected + 6] = 0; });
  refuses("verdict: 7", [](Bytes& b) { b[kRejected + 6] = 7; });
  refuses("rejection text: 201 bytes", [](Bytes& b) { b[kRejected + 7] = 201; });
  refuses("not printable", [](Bytes& b) { b[kRejected + 8] = '\n'; });
  refuses("1 bytes too many", [](Bytes& b) { b.push_back(0); });
}

TEST(AggregateRecord, RefusesAnOversizedObject) {
  EXPECT_TRUE(fails(parse_aggregate_record(Bytes(kMaxAggregateRecordSize + 1)), ErrorKind::kSkip, "size: "));
}

TEST(AggregateRecord, IsOnlyTakenForItsRunItsWindowItsLeaderAndItsState) {
  const AggregateRecord ours = record();
  const ExpectedRecord wanted{ours.run_id, ours.window, ours.leader, ours.state_root};
  EXPECT_TRUE(check_aggregate_record(ours, wanted).has_value());
  const auto refuses = [&](const char* reason, const std::function<void(ExpectedRecord&)>& change) {
    ExpectedRecord other = wanted;
    change(other);
    EXPECT_TRUE(fails(check_aggregate_record(ours, other), ErrorKind::kSkip, reason));
  };
  refuses("run id", [](auto& other) { other.run_id.bytes[3] ^= 1; });
  refuses("window: made for 12, not for 13", [](auto& other) { ++other.window; });
  refuses("leader", [](auto& other) { other.leader = key_of_uid(1).public_key(); });
  refuses("state root", [](auto& other) { other.state_root->bytes[3] ^= 1; });
}

TEST(AggregateRecordFuzzCorpus, IsWhatTheFormatMakes) {
  AggregateRecord empty = record();
  empty.gather_peers = empty.reserve_peers = {};
  empty.accepted = {};
  empty.rejected = {};
  testing::expect_fuzz_corpus("aggregate_record_fuzz",
                              {{"valid", sealed_record()},
                               {"amended", sealed_amended_record()},
                               {"null-round", seal_aggregate_record(empty, key_of_uid(kLeader))},
                               {"peer-twice", resealed_record([](Bytes& b) { b[kReserve + 2] = 2; })},
                               {"long-text", resealed_record([](Bytes& b) { b[kRejected + 7] = 201; })},
                               {"trailing", resealed_record([](Bytes& b) { b.push_back(0); })}});
}

}  // namespace
}  // namespace templar
