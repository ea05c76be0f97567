#include "core/protocol/ledger_entry.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <vector>

#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

Hash256 hash_of(const char* text) {
  return blake2b_256(as_bytes(text));
}

// One of each kind, no field of which has its default.
std::vector<LedgerEntry> entries() {
  Signature beacon;
  beacon.bytes.fill(7);
  const std::vector<EntryContent> contents = {
      RegistrationEntry{
          .uid = 3, .role = NodeRole::kEvaluator, .bucket = "node-3", .store = "s3://b?endpoint=https://x"},
      WeightsEntry{.uid = 3, .weights = {{1, 0.25}, {4000000000, 1e300}}},
      HeartbeatEntry{.uid = 3,
                     .block = 5,
                     .window = 6,
                     .outer_step = 7,
                     .state_root = hash_of("root"),
                     .term = 8,
                     .software = "templar 1.2"},
      StandingEntry{.subject = test_key(4).public_key(),
                    .stake = 2.5,
                    .is_admitted = true,
                    .is_founder = true,
                    .last_term = std::numeric_limits<int64_t>::max(),
                    .last_timekeeper = 2},
      TermEntry{
          .number = 2, .previous = 0, .first_window = 5, .outer_step = 4, .state_root = hash_of("root")},
      TermEndEntry{.number = 2, .last_window = 9},
      DecisionEntry{.window = 5,
                    .term = 2,
                    .record = seal_aggregate_record(
                        {.run_id = hash_of("run"), .window = 5, .state_root = hash_of("root")}, test_key(1))},
      TimekeeperEntry{.number = 1, .first_block = 77},
      BlockEntry{.number = 78, .timekeeper = 1, .time_ms = -5, .beacon = beacon},
      StartEntry{.uid = 3, .block = 9, .oldest_protocol = 1, .newest_protocol = 2, .software = "templar 1.2"},
      AmendmentEntry{.number = 2,
                     .previous = hash_of("amendment 1"),
                     .first_window = 12,
                     .before_block = 55,
                     .changes = {"codec.topk=8", "inner.learning_rate=0.0005"}}};
  std::vector<LedgerEntry> all;
  for (const EntryContent& content : contents) {
    all.push_back({.run_id = hash_of("run"),
                   .author = test_key(1).public_key(),
                   .sequence = static_cast<int64_t>(all.size()),
                   .content = content});
  }
  return all;
}

Bytes signed_again(Bytes bytes, const KeyPair& key) {
  bytes.resize(bytes.size() - sizeof(Signature));
  const Signature signature = key.sign(bytes);
  bytes.insert(bytes.end(), signature.bytes.begin(), signature.bytes.end());
  return bytes;
}

}  // namespace

TEST(SignedEntry, IsReadAsItWasWritten) {
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const LedgerEntry& entry : entries()) {
    const Bytes sealed = seal_ledger_entry(entry, test_key(1));
    const auto parsed = parse_ledger_entry(sealed);
    ASSERT_TRUE(parsed) << entry.content.index() << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, entry) << entry.content.index();
    seeds.emplace_back("kind-" + std::to_string(entry.content.index()), sealed);
  }
  expect_fuzz_corpus("ledger_entry_fuzz", seeds);
}

TEST(SignedEntry, IsRefusedIfAnyBitOfItDiffers) {
  for (const LedgerEntry& entry : entries()) {
    const Bytes sealed = seal_ledger_entry(entry, test_key(1));
    for (size_t i = 0; i < sealed.size(); ++i) {
      Bytes changed = sealed;
      changed[i] ^= static_cast<uint8_t>(1 << (i % 8));
      ASSERT_FALSE(parse_ledger_entry(changed)) << entry.content.index() << " at " << i;
    }
    for (size_t size = 0; size < sealed.size(); ++size)
      ASSERT_FALSE(parse_ledger_entry(ByteView(sealed).first(size))) << size;
  }
}

TEST(SignedEntry, IsRefusedWithMoreOrLessThanItsFields) {
  const KeyPair key = test_key(1);
  for (const LedgerEntry& entry : entries()) {
    Bytes longer = seal_ledger_entry(entry, key);
    longer.insert(longer.end() - sizeof(Signature), uint8_t{0});
    EXPECT_TRUE(fails(parse_ledger_entry(signed_again(longer, key)), ErrorKind::kSkip, "too many"))
        << entry.content.index();
    Bytes shorter = seal_ledger_entry(entry, key);
    shorter.erase(shorter.end() - sizeof(Signature) - 1);
    EXPECT_FALSE(parse_ledger_entry(signed_again(shorter, key))) << entry.content.index();
  }
}

TEST(SignedEntry, NamesWhatIsWrongWithItsContent) {
  const auto refused = [](const EntryContent& content, const char* reason) {
    return fails(check_entry_content(content), ErrorKind::kFatal, reason);
  };
  EXPECT_TRUE(refused(RegistrationEntry{.bucket = "a\nb", .store = ""}, "bucket"));
  EXPECT_TRUE(refused(RegistrationEntry{.bucket = "a", .store = std::string(1025, 'x')}, "store"));
  EXPECT_TRUE(refused(WeightsEntry{.weights = {{2, 1}, {1, 1}}}, "uid 1 does not ascend"));
  EXPECT_TRUE(refused(WeightsEntry{.weights = {{2, 1}, {2, 1}}}, "uid 2 has two weights"));
  EXPECT_TRUE(refused(WeightsEntry{.weights = {{2, -0.0}}}, "weight -0 of uid 2"));
  EXPECT_TRUE(refused(WeightsEntry{.weights = std::vector<WeightEntry>(kMaxWeights + 1)}, "at most 4096"));
  EXPECT_TRUE(refused(HeartbeatEntry{.window = -1, .state_root = {}, .software = ""}, "window: -1"));
  EXPECT_TRUE(refused(StandingEntry{.subject = {}, .stake = -1}, "stake -1"));
  EXPECT_TRUE(refused(StandingEntry{.subject = {}, .stake = std::numeric_limits<double>::quiet_NaN()},
                      "not a finite number"));
  EXPECT_TRUE(refused(TermEntry{.number = 0, .previous = 0, .state_root = {}}, "term 0 can't follow term 0"));
  EXPECT_TRUE(refused(TermEntry{.number = 2, .previous = -1, .state_root = {}}, "can't follow term -1"));
  EXPECT_TRUE(refused(TermEntry{.number = 2, .previous = 3, .state_root = {}}, "can't follow term 3"));
  EXPECT_TRUE(refused(DecisionEntry{.term = -1, .record = {}}, "term: -1"));
  EXPECT_TRUE(refused(DecisionEntry{.record = Bytes(kMaxAggregateRecordSize + 1)}, "record: 264"));
  EXPECT_TRUE(refused(BlockEntry{.number = -1}, "number: -1"));
  EXPECT_TRUE(refused(StartEntry{.block = -2, .software = ""}, "block: -2"));
  EXPECT_TRUE(
      refused(StartEntry{.oldest_protocol = 2, .newest_protocol = 1, .software = ""}, "newest protocol: 1"));
  EXPECT_TRUE(refused(StartEntry{.software = "\x1b[2J"}, "software"));
  const auto amendment = [](std::vector<std::string> changes) {
    return AmendmentEntry{.number = 1, .previous = {}, .first_window = 2, .changes = std::move(changes)};
  };
  EXPECT_TRUE(refused(AmendmentEntry{.number = 0, .previous = {}, .changes = {"a=1"}}, "number: 0"));
  EXPECT_TRUE(refused(AmendmentEntry{.number = 1, .previous = {}, .changes = {"a=1"}}, "first window: 0"));
  EXPECT_TRUE(refused(amendment({}), "changes: 0, an amendment has 1 to 64"));
  EXPECT_TRUE(refused(amendment(std::vector<std::string>(65, "a=1")), "changes: 65"));
  EXPECT_TRUE(refused(amendment({"a=1", "a=1"}), "changes: a=1 does not ascend"));
  EXPECT_TRUE(refused(amendment({"b=1", "a=1"}), "changes: a=1 does not ascend"));
  EXPECT_TRUE(refused(amendment({"a=\n"}), "change: more than 1024 bytes"));
  // Sums of what others say must not overflow.
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(refused(BlockEntry{.number = 1, .time_ms = kHuge}, "time: "));
  EXPECT_TRUE(refused(BlockEntry{.number = 1, .time_ms = -kHuge}, "time: "));
  EXPECT_TRUE(refused(HeartbeatEntry{.block = kHuge, .state_root = {}, .software = ""}, "block: "));
  EXPECT_TRUE(refused(TermEntry{.first_window = kHuge, .state_root = {}}, "first window: "));
}

TEST(SignedEntry, HasFrozenBytes) {
  const LedgerEntry entry{
      .run_id = {}, .author = {}, .sequence = 5, .content = TermEndEntry{.number = 2, .last_window = 9}};
  const Bytes sealed = seal_ledger_entry(entry, KeyPair::from_seed({}));
  EXPECT_EQ(to_hex(ByteView(sealed).first(7)), "54504c45020005");
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(39, 32)),
            "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29");
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(71, 24)), "050000000000000002000000000000000900000000000000");
  EXPECT_EQ(sealed.size(), 95 + sizeof(Signature));
  EXPECT_EQ(blake2b_256(sealed).hex(), "faf6a52cb96e75ddbacef4aa3cf1e0b8e4aae38c4f0790a70c82bf88b5dd2df4");
  const Hash256 first = block_hash_of(KeyPair::from_seed({}).sign(beacon_message({}, 0, {})));
  EXPECT_EQ(first.hex(), "6e65b88c2a77d16cd96a2de24d517f9ebb94f9c6709bf423d8799e9440c9853d");
}

// The example of docs/protocol.md.
TEST(SignedAmendment, HasFrozenBytesAndHash) {
  const AmendmentEntry content{.number = 1,
                               .previous = {},
                               .first_window = 120,
                               .before_block = 13685,
                               .changes = {"codec.topk=32", "inner.learning_rate=0.0001"}};
  const Bytes sealed = seal_ledger_entry({.run_id = {}, .author = {}, .sequence = 0, .content = content},
                                         KeyPair::from_seed({}));
  EXPECT_EQ(to_hex(ByteView(sealed).first(7)), "54504c4502000a");
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(79, 8)), "0100000000000000");
  EXPECT_EQ(to_hex(ByteView(sealed).subspan(119, 33)),
            "7800000000000000"
            "7535000000000000"
            "0200"
            "0d00636f6465632e746f706b3d3332");
  EXPECT_EQ(sealed.size(), 180 + sizeof(Signature));
  EXPECT_EQ(blake2b_256(sealed).hex(), "915015c1189dd060abec914e21f75d98091a8b721eb827c4a7c10b941cb1edc4");
  EXPECT_EQ(amendment_hash({}, content).hex(),
            "b8c34cae29b5a8bf632c116cc1c5c47fe2290e3325cc9595e87de26768f991f2");
}

TEST(SignedAmendment, IsNamedByAHashOfItsRunAndOfAllItSays) {
  const AmendmentEntry content{
      .number = 2, .previous = hash_of("one"), .first_window = 9, .before_block = 8, .changes = {"a=1"}};
  std::set<Hash256> hashes = {amendment_hash({}, content), amendment_hash(hash_of("run"), content)};
  const auto changed = [&](auto&& change) {
    AmendmentEntry other = content;
    change(other);
    hashes.insert(amendment_hash({}, other));
  };
  changed([](AmendmentEntry& entry) { entry.number = 3; });
  changed([](AmendmentEntry& entry) { entry.previous = {}; });
  changed([](AmendmentEntry& entry) { entry.first_window = 10; });
  changed([](AmendmentEntry& entry) { entry.before_block = 9; });
  changed([](AmendmentEntry& entry) { entry.changes = {"a=2"}; });
  changed([](AmendmentEntry& entry) { entry.changes = {"a=1", "b=1"}; });
  EXPECT_EQ(hashes.size(), 8u);
}

}  // namespace templar::testing
