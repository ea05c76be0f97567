#include "node/window/gather.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <array>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "ports/roster.h"
#include "support/expect_failure.h"
#include "support/far_store.h"
#include "support/synthetic_contribution.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kWindow = 1;

// The leader, uid 0, and miners 1 to 5: three gather peers and two in reserve, in an order that is not that
// of the uids.
class Gather : public ::testing::Test {
 protected:
  Gather() { world_.ports.enter_window(kWindow); }

  void publish(std::initializer_list<uint32_t> uids) { world_.ports.publish_contributions(uids, kWindow); }
  void put(uint32_t uid, ByteView bytes) { world_.ports.put(uid, contribution_key(kWindow), bytes); }
  [[nodiscard]] Bytes sealed(uint32_t uid) const { return world_.ports.sealed_contribution(uid, kWindow); }
  // A contribution of that uid that is right but for what change does to its header, signed with the key.
  [[nodiscard]] Bytes sealed_with(uint32_t uid, const std::function<void(ContributionHeader&)>& change,
                                  const KeyPair& key) const {
    const NodeEnvironment& environment = world_.environment;
    ContributionHeader header =
        parse_contribution(sealed(uid), environment.layout, world_.spec().codec)->header();
    change(header);
    const auto blocks = synthetic_blocks(environment.layout, world_.spec().codec, uid);
    return seal_contribution(header, blocks, environment.layout, world_.spec().codec, key);
  }
  [[nodiscard]] Bytes sealed_with(uint32_t uid,
                                  const std::function<void(ContributionHeader&)>& change) const {
    return sealed_with(uid, change, world_.ports.key(uid));
  }

  [[nodiscard]] Gathered gather_all(PeerSelection peers = {{3, 1, 2}, {5, 4}}) {
    world_.ports.close_window(kWindow);
    auto gathered = gather(world_.environment, world_.request(kWindow, std::move(peers)));
    EXPECT_TRUE(gathered.has_value());
    return *std::move(gathered);
  }
  static std::vector<uint32_t> accepted_uids(const Gathered& gathered) {
    std::vector<uint32_t> uids;
    for (const Contribution& contribution : gathered.accepted) uids.push_back(contribution.header().uid);
    return uids;
  }
  static std::vector<uint32_t> rejected_uids(const Gathered& gathered) {
    std::vector<uint32_t> uids;
    for (const RejectedContribution& rejected : gathered.rejected) uids.push_back(rejected.uid);
    return uids;
  }
  // Miner 2 has published something wrong: it alone is rejected, for that reason.
  void expect_only_2_rejected(VerdictCode code, const std::string& reason) {
    publish({1, 3});
    const Gathered gathered = gather_all({{1, 2, 3}, {}});
    EXPECT_THAT(accepted_uids(gathered), ElementsAre(1, 3));
    ASSERT_THAT(rejected_uids(gathered), ElementsAre(2));
    EXPECT_EQ(gathered.rejected[0].verdict.code, code);
    EXPECT_THAT(gathered.rejected[0].verdict.reason, ::testing::HasSubstr(reason));
  }

  TestWorld world_{{.miners = 5}};
};

TEST_F(Gather, TakesTheGatherPeersAloneWhereNoneIsMissing) {
  publish({1, 2, 3, 4, 5});
  const Gathered gathered = gather_all();
  EXPECT_THAT(accepted_uids(gathered), ElementsAre(1, 2, 3));
  EXPECT_THAT(gathered.rejected, IsEmpty());
}

TEST_F(Gather, TakesTheNextReservePeerForEachHole) {
  publish({1, 2, 4, 5});
  const Gathered gathered = gather_all();
  EXPECT_THAT(accepted_uids(gathered), ElementsAre(1, 2, 5)) << "the first in reserve is 5";
  EXPECT_THAT(rejected_uids(gathered), ElementsAre(3));
}

TEST_F(Gather, PassesOverAReservePeerThatHasNothingEither) {
  publish({1, 4});
  const Gathered gathered = gather_all();
  EXPECT_THAT(accepted_uids(gathered), ElementsAre(1, 4));
  EXPECT_THAT(rejected_uids(gathered), ElementsAre(2, 3, 5));
}

TEST_F(Gather, IsEmptyWhereNobodyPublished) {
  const Gathered gathered = gather_all();
  EXPECT_THAT(gathered.accepted, IsEmpty());
  EXPECT_THAT(rejected_uids(gathered), ElementsAre(1, 2, 3, 4, 5));
  for (const RejectedContribution& rejected : gathered.rejected) {
    EXPECT_EQ(rejected.verdict, (Verdict{VerdictCode::kMissing, "nothing stored"}));
  }
}

TEST_F(Gather, ComesToTheSameFromTheSameStore) {
  publish({1, 5});
  put(2, as_bytes("rubbish"));
  const Gathered first = gather_all();
  const Gathered second = gather_all();
  ASSERT_EQ(accepted_uids(first), accepted_uids(second));
  for (size_t i = 0; i < first.accepted.size(); ++i) {
    EXPECT_EQ(first.accepted[i].content_hash(), second.accepted[i].content_hash());
  }
  EXPECT_EQ(first.rejected, second.rejected);
}

TEST_F(Gather, MissesAPeerThatIsNotOnTheLedger) {
  publish({1});
  const Gathered gathered = gather_all({{1, 77}, {}});
  EXPECT_THAT(accepted_uids(gathered), ElementsAre(1));
  ASSERT_THAT(rejected_uids(gathered), ElementsAre(77));
  EXPECT_EQ(gathered.rejected[0].verdict, (Verdict{VerdictCode::kMissing, "not on the ledger"}));
}

TEST_F(Gather, RejectsWhatWasStoredBeforeTheWindow) {
  TestWorld early({.miners = 1});
  early.ports.publish_contribution(1, kWindow);  // at time 0, in window 0
  early.ports.close_window(kWindow);
  const auto gathered = gather(early.environment, early.request(kWindow, {{1}, {}}));
  ASSERT_TRUE(gathered && gathered->rejected.size() == 1);
  EXPECT_EQ(gathered->rejected[0].verdict,
            (Verdict{VerdictCode::kTooEarly, "stored 60000 ms before the window began"}));
}

TEST_F(Gather, RejectsWhatWasStoredAfterThePutWindow) {
  publish({1, 3});
  world_.ports.close_window(kWindow);  // first block after 132 s, the end
  publish({2});
  const Gathered gathered = gather_all({{1, 2, 3}, {}});
  EXPECT_THAT(accepted_uids(gathered), ElementsAre(1, 3));
  ASSERT_THAT(rejected_uids(gathered), ElementsAre(2));
  EXPECT_EQ(gathered.rejected[0].verdict,
            (Verdict{VerdictCode::kTooLate, "stored 12000 ms after the put window closed"}));
}

TEST_F(Gather, TakesWhatWasStoredUntilJustBeforeTheEnd) {
  publish({1, 2});
  world_.ports.close_window(kWindow);
  const Shard shard = world_.ports.shards->open_shard(0).value();
  const auto counts_if_closed_at = [&](TimestampMs closes_ms) {
    GatherRequest request = world_.request(kWindow, {{1}, {}});
    request.times.uploads_end_ms = request.times.closes_ms = closes_ms;
    return std::holds_alternative<Contribution>(
        read_contributions(world_.environment, request, shard, std::array{uint32_t{1}}).front());
  };
  EXPECT_TRUE(counts_if_closed_at(60001));  // it was stored at 60 s
  EXPECT_FALSE(counts_if_closed_at(60000));
}

// Says of each contribution that it is one byte long.
class LyingAboutSizes final : public ObjectReader {
 public:
  explicit LyingAboutSizes(const ObjectReader& store) : store_(store) {}
  Result<std::optional<ObjectInfo>> head(std::string_view bucket, std::string_view key) const override {
    TRY_ASSIGN(std::optional<ObjectInfo> info, store_.head(bucket, key));
    if (info) info->size_bytes = 1;
    return info;
  }
  Result<Bytes> get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const override {
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
};

// Room in memory and on the disk is counted by what was said.
TEST_F(Gather, TakesNothingOfAnotherSizeThanWasSaid) {
  publish({1});
  world_.ports.close_window(kWindow);
  const LyingAboutSizes lying(world_.ports.store);
  const auto gathered =
      gather(environment_of(world_.ports, {.store = &lying}), world_.request(kWindow, {{1}, {}}));
  ASSERT_TRUE(gathered);
  ASSERT_EQ(gathered->rejected.size(), 1u);
  EXPECT_EQ(gathered->rejected[0].verdict.code, VerdictCode::kMissing);
  EXPECT_THAT(gathered->rejected[0].verdict.reason, ::testing::HasSubstr("was said to have 1"));
}

TEST_F(Gather, RejectsWhatIsLargerThanAnyContributionWithoutReadingIt) {
  const int64_t limit = max_contribution_size(world_.layout(), world_.spec().codec);
  put(2, Bytes(static_cast<size_t>(limit) + 1));
  expect_only_2_rejected(VerdictCode::kInvalid,
                         std::to_string(limit + 1) + " bytes, at most " + std::to_string(limit));
}

TEST_F(Gather, RejectsAFlippedBit) {
  Bytes bytes = sealed(2);
  bytes[bytes.size() / 2] ^= 4;
  put(2, bytes);
  expect_only_2_rejected(VerdictCode::kInvalid, "hash");
}

TEST_F(Gather, RejectsWhatIsCutShort) {
  Bytes bytes = sealed(2);
  bytes.resize(bytes.size() - 1);
  put(2, bytes);
  expect_only_2_rejected(VerdictCode::kInvalid, "");
}

TEST_F(Gather, RejectsAnEmptyObject) {
  put(2, {});
  expect_only_2_rejected(VerdictCode::kInvalid, "size");
}

TEST_F(Gather, RejectsAnothersKey) {
  put(2, sealed_with(2, [](ContributionHeader&) {}, world_.ports.key(5)));
  expect_only_2_rejected(VerdictCode::kInvalid, "public key");
}

TEST_F(Gather, RejectsAnothersContribution) {
  put(2, sealed(4));
  expect_only_2_rejected(VerdictCode::kInvalid, "uid: 4 instead of 2");
}

TEST_F(Gather, RejectsOneThatIsReplayedFromAnotherWindow) {
  put(2, world_.ports.sealed_contribution(2, kWindow - 1));
  expect_only_2_rejected(VerdictCode::kInvalid, "window: made for 0, not for 1");
}

TEST_F(Gather, RejectsOneOfAnotherRun) {
  RunSpec other = node_run_spec();
  other.name = "another run";
  put(2, TestWorld({.miners = 5, .spec = other}).ports.sealed_contribution(2, kWindow));
  expect_only_2_rejected(VerdictCode::kInvalid, "run id");
}

TEST_F(Gather, RejectsAReceiptOfOtherSamples) {
  put(2, sealed_with(2, [](ContributionHeader& header) { header.samples.digest[3] ^= 1; }));
  expect_only_2_rejected(VerdictCode::kInvalid, "sample digest");
}

TEST_F(Gather, RejectsAReceiptOfFewerSamples) {
  put(2, sealed_with(2, [](ContributionHeader& header) { --header.samples.count; }));
  expect_only_2_rejected(VerdictCode::kInvalid, "sample count: 3 instead of 4");
}

TEST_F(Gather, RejectsAStartFromAnotherState) {
  put(2, sealed_with(2, [](ContributionHeader& header) { header.state_root.bytes[0] ^= 1; }));
  expect_only_2_rejected(VerdictCode::kInvalid, "started from state");
}

TEST_F(Gather, RejectsAPossessionProofThatWasCopied) {
  const Contribution other = *parse_contribution(sealed(1), world_.layout(), world_.spec().codec);
  put(2, sealed_with(2, [&](ContributionHeader& header) {
        header.possession_proof = other.header().possession_proof;
      }));
  expect_only_2_rejected(VerdictCode::kInvalid, "possession proof");
}

TEST_F(Gather, AcceptsASealedHeaderThatNobodyChanged) {
  publish({1, 3});
  put(2, sealed_with(2, [](ContributionHeader&) {}));
  EXPECT_THAT(accepted_uids(gather_all({{1, 2, 3}, {}})), ElementsAre(1, 2, 3));
}

class GatherFromAfar : public Gather {
 protected:
  [[nodiscard]] NodeEnvironment node() const {
    return {world_.spec(), far_, world_.ports.ledger, *world_.ports.shards, world_.environment.metrics};
  }
  [[nodiscard]] Gathered gather_from_afar(const PeerSelection& peers) {
    return gather(node(), world_.request(kWindow, peers)).value();
  }
  FarStore far_{world_.ports.store};
};

// Two gather peers are wrong, and the first in reserve as well.
TEST_F(GatherFromAfar, ComesToTheSameInWhateverOrderTheAnswersArrive) {
  publish({1, 4});
  put(2, as_bytes("rubbish"));
  put(3, sealed(1));
  put(5, as_bytes("rubbish as well"));
  world_.ports.close_window(kWindow);
  const PeerSelection peers{{3, 1, 2}, {5, 4}};
  const Gathered alone = gather_all(peers);
  ASSERT_THAT(accepted_uids(alone), ElementsAre(1, 4));
  std::vector<std::string> order{"node-1", "node-2", "node-3"};
  do {
    std::atomic<size_t> turn = 0;
    far_.on_get = [&](const std::string& bucket) -> Status {
      const auto place = std::ranges::find(order, bucket);
      if (place == order.end()) return {};  // in reserve
      far_.wait_until([&] { return turn == static_cast<size_t>(place - order.begin()); });
      ++turn;
      return {};
    };
    const Gathered gathered = gather_from_afar(peers);
    EXPECT_EQ(accepted_uids(gathered), accepted_uids(alone));
    EXPECT_EQ(gathered.rejected, alone.rejected);
    EXPECT_EQ(gathered.unanswered, alone.unanswered);
  } while (std::ranges::next_permutation(order).found);
}

TEST_F(GatherFromAfar, AsksNoReservePeerThatIsNotNeeded) {
  publish({1, 2});
  world_.ports.close_window(kWindow);
  EXPECT_THAT(rejected_uids(gather_from_afar({{1, 2}, {3, 4}})), IsEmpty());
  EXPECT_THAT(rejected_uids(gather_from_afar({{1, 5, 2}, {3, 4}})), ElementsAre(3, 4, 5));
  EXPECT_THAT(rejected_uids(gather_from_afar({{1, 5}, {2, 3, 4}})), ElementsAre(5));
}

TEST_F(GatherFromAfar, FillsTheHoleOfAPeerWhoseStoreIsSilent) {
  publish({1, 2, 3, 4, 5});
  world_.ports.close_window(kWindow);
  far_.on_get = [&](const std::string& bucket) { return bucket == "node-3" ? far_.be_silent() : Status(); };
  const Gathered gathered = gather_from_afar({{3, 1, 2}, {5, 4}});
  EXPECT_THAT(accepted_uids(gathered), ElementsAre(1, 2, 5));
  EXPECT_THAT(gathered.unanswered, ElementsAre(3));
  ASSERT_THAT(rejected_uids(gathered), ElementsAre(3));
  EXPECT_EQ(gathered.rejected[0].verdict,
            (Verdict{VerdictCode::kMissing, "store: silent for 2.0 s: given up"}));
}

class FetchNamed : public Gather {
 protected:
  FetchNamed() { publish({1, 2, 3}); }
  [[nodiscard]] AggregateRecord record(const std::vector<uint32_t>& accepted) const {
    return world_.ports.record_of(kWindow, 0, world_.ports.initial_root(), accepted);
  }
  [[nodiscard]] Result<NamedContributions> fetch(const AggregateRecord& record,
                                                 std::vector<Contribution> at_hand = {}) const {
    return fetch_named(world_.environment, record, world_.ports.roster(),
                       validators_by_stake(world_.ports.roster()), std::move(at_hand));
  }
  void expect_missing(const Result<NamedContributions>& named, uint32_t uid, const std::string& reason) {
    ASSERT_TRUE(named) << named.error().message;
    ASSERT_EQ(named->missing.size(), 1u);
    EXPECT_EQ(named->missing[0].wanted.uid, uid);
    EXPECT_THAT(named->missing[0].reason, ::testing::HasSubstr(reason));
  }
  void put_copy(uint32_t uid, ByteView bytes) {
    world_.ports.put(kLeader, accepted_contribution_key(kWindow, uid), bytes);
  }
  static std::vector<uint32_t> uids(const std::vector<Contribution>& contributions) {
    std::vector<uint32_t> uids;
    for (const Contribution& contribution : contributions) uids.push_back(contribution.header().uid);
    return uids;
  }
};

TEST_F(FetchNamed, FetchesWhatTheRecordNamesAndNothingElse) {
  const auto named = fetch(record({1, 3}));
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_THAT(uids(named->found), ElementsAre(1, 3));
}

TEST_F(FetchNamed, TakesWhatIsAtHandWithoutTheStore) {
  const AggregateRecord names = record({1, 2});
  std::vector<Contribution> at_hand;
  at_hand.push_back(world_.ports.contribution(2, kWindow));
  at_hand.push_back(world_.ports.contribution(3, kWindow));
  world_.ports.remove(2, contribution_key(kWindow));
  const auto named = fetch(names, std::move(at_hand));
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_THAT(uids(named->found), ElementsAre(1, 2));
}

TEST_F(FetchNamed, RefusesOtherContentUnderTheName) {
  const AggregateRecord names = record({1, 2});
  put(2, sealed_with(2, [](ContributionHeader& header) { header.inner_steps = 1; }));
  const auto named = fetch(names);
  expect_missing(named, 2, "window 1: contribution of uid 2: content ");
  EXPECT_THAT(uids(named->found), ElementsAre(1)) << "the others are there all the same";
}

TEST_F(FetchNamed, SaysWhatIsMissingOrBroken) {
  const AggregateRecord names = record({2});
  put(2, as_bytes("rubbish"));
  expect_missing(fetch(names), 2, "window 1: contribution of uid 2: ");
  world_.ports.remove(2, contribution_key(kWindow));
  expect_missing(fetch(names), 2, "contribution of uid 2: object node-2/contributions/0000000001: missing");
  AggregateRecord stranger = names;
  stranger.accepted[0].uid = 77;
  expect_missing(fetch(stranger), 77, "uid 77: the uid is not on the ledger");
}

TEST_F(FetchNamed, TakesTheLeadersCopyWhereTheMinerHasSomethingElseOrNothing) {
  const AggregateRecord names = record({1, 2});
  put_copy(2, sealed(2));
  put(2, as_bytes("rubbish"));
  EXPECT_THAT(uids(fetch(names)->found), ElementsAre(1, 2));
  world_.ports.remove(2, contribution_key(kWindow));
  EXPECT_THAT(uids(fetch(names)->found), ElementsAre(1, 2));
}

TEST_F(FetchNamed, TakesNoCopyThatIsNotWhatTheRecordNames) {
  const AggregateRecord names = record({2});
  put_copy(2, sealed(3));
  put(2, as_bytes("rubbish"));
  expect_missing(fetch(names), 2, "a validator's copy: content ");
}

// The outer step takes ascending uids; a record must not bring it others by giving one uid another's hash.
TEST_F(FetchNamed, RefusesAHashThatBelongsToAnotherUid) {
  AggregateRecord crossed = record({1, 2});
  std::swap(crossed.accepted[0].content_hash, crossed.accepted[1].content_hash);
  std::vector<Contribution> at_hand;
  at_hand.push_back(world_.ports.contribution(1, kWindow));
  at_hand.push_back(world_.ports.contribution(2, kWindow));
  const auto named = fetch(crossed, std::move(at_hand));
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_THAT(named->found, IsEmpty());
  EXPECT_EQ(named->missing.size(), 2u);
}

// A miner that is accepted and silent afterwards must not keep others out of the run.
TEST_F(FetchNamed, TakesTheLeadersCopyWhereTheMinersStoreIsSilent) {
  const AggregateRecord names = record({1, 2, 3});
  put_copy(2, sealed(2));
  FarStore far(world_.ports.store);
  far.on_get = [&](const std::string& bucket) { return bucket == "node-2" ? far.be_silent() : Status(); };
  const NodeEnvironment node(world_.spec(), far, world_.ports.ledger, *world_.ports.shards,
                             world_.environment.metrics);
  const std::vector<Registration> validators = validators_by_stake(world_.ports.roster());
  const auto named = fetch_named(node, names, world_.ports.roster(), validators, {});
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_THAT(uids(named->found), ElementsAre(1, 2, 3));
  world_.ports.remove(kLeader, accepted_contribution_key(kWindow, 2));
  EXPECT_TRUE(fails(fetch_named(node, names, world_.ports.roster(), validators, {}), ErrorKind::kRetry,
                    "contribution of uid 2: silent for 2.0 s: given up; a validator's copy: object "));
  const auto without = fetch_named(node, names, world_.ports.roster(), validators, {}, false);
  ASSERT_TRUE(without) << "it does not wait for stores: " << without.error().message;
  EXPECT_EQ(without->missing.size(), 1u);
}

}  // namespace
}  // namespace templar::testing
