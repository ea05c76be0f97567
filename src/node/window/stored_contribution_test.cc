// Of sealed uploads; of open contributions gather_test.cc.
#include "node/window/stored_contribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "node/window/gather.h"
#include "support/expect_failure.h"
#include "support/far_store.h"
#include "support/hooked_store.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kSealedWindow = 1;
constexpr CipherKey kSomeKey{{1, 2, 3}};

RunSpec sealed_spec() {
  RunSpec spec = node_run_spec();
  spec.network.sealed_uploads = true;
  return spec;
}

// The leader, uid 0, and miners 1 to 3, all asked for.
class SealedGather : public ::testing::Test {
 protected:
  SealedGather() { world_.ports.enter_window(kSealedWindow); }

  [[nodiscard]] Bytes contribution(uint32_t uid) const {
    return world_.ports.sealed_contribution(uid, kSealedWindow);
  }
  [[nodiscard]] std::string upload_name() const { return contribution_key(kSealedWindow); }
  [[nodiscard]] std::string key_name() const { return upload_key_key(kSealedWindow); }
  [[nodiscard]] UploadHeader header_of(uint32_t uid) const {
    return parse_upload_header(world_.ports.object(uid, upload_name())).value();
  }
  void store_uploads(std::initializer_list<uint32_t> uids) {
    for (const uint32_t uid : uids) world_.ports.publish_upload(uid, kSealedWindow, contribution(uid));
  }
  void publish_keys(std::initializer_list<uint32_t> uids) {
    for (const uint32_t uid : uids) world_.ports.publish_upload_key(uid, kSealedWindow);
  }
  [[nodiscard]] GatherRequest request() const { return world_.request(kSealedWindow, {{1, 2, 3}, {}}); }
  [[nodiscard]] Gathered gather_all(const GatherRequest& request) const {
    auto gathered = gather(world_.environment, request);
    EXPECT_TRUE(gathered.has_value());
    return *std::move(gathered);
  }
  static std::vector<uint32_t> uids_of(const Gathered& gathered) {
    std::vector<uint32_t> uids;
    for (const Contribution& one : gathered.accepted) uids.push_back(one.header().uid);
    return uids;
  }
  // Miners 1 and 3 do everything right; 2 alone is rejected, for that reason.
  void expect_2_rejected(VerdictCode code, const std::string& reason) {
    world_.ports.close_window(kSealedWindow);
    const Gathered gathered = gather_all(request());
    EXPECT_THAT(uids_of(gathered), ElementsAre(1, 3));
    ASSERT_EQ(gathered.rejected.size(), 1u);
    EXPECT_EQ(gathered.rejected[0].uid, 2u);
    EXPECT_EQ(gathered.rejected[0].verdict.code, code);
    EXPECT_THAT(gathered.rejected[0].verdict.reason, HasSubstr(reason));
  }
  void enter_put_window() { world_.ports.enter_window(kSealedWindow + 1); }

  TestWorld world_{{.miners = 3, .spec = sealed_spec()}};
};

TEST_F(SealedGather, OpensWhatWasStoredInTheWindowWithTheKeysThatCameAfterIt) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 2, 3});
  world_.ports.close_window(kSealedWindow);
  const Gathered gathered = gather_all(request());
  EXPECT_THAT(uids_of(gathered), ElementsAre(1, 2, 3));
  for (const Contribution& one : gathered.accepted)
    EXPECT_TRUE(std::ranges::equal(one.bytes(), contribution(one.header().uid)));
}

TEST_F(SealedGather, TakesNoUploadThatWasStoredOnceKeysMayBeOut) {
  store_uploads({1, 3});
  enter_put_window();
  store_uploads({2});
  publish_keys({1, 2, 3});
  expect_2_rejected(VerdictCode::kTooLate, "stored 0 ms after the window was over");
}

TEST_F(SealedGather, NamesAMissingKey) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 3});
  expect_2_rejected(VerdictCode::kNoKey, "nothing stored as its key");
}

TEST_F(SealedGather, NamesALateKey) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.close_window(kSealedWindow);  // the first block after the put window of 12 s
  publish_keys({2});
  expect_2_rejected(VerdictCode::kNoKey, "key stored 12000 ms after the put window closed");
}

TEST_F(SealedGather, TakesAKeyUntilTheMomentThatThePutWindowEndsWith) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.close_window(kSealedWindow);
  publish_keys({2});
  GatherRequest just = request();
  const TimestampMs stored_at_ms = world_.ports.store.head(test_bucket(2), key_name()).value()->stored_at_ms;
  just.times.closes_ms = stored_at_ms;
  EXPECT_THAT(uids_of(gather_all(just)), ElementsAre(1, 3));
  just.times.closes_ms = stored_at_ms + 1;
  EXPECT_THAT(uids_of(gather_all(just)), ElementsAre(1, 2, 3));
}

TEST_F(SealedGather, TakesAKeyThatWasPublishedTooEarly) {
  store_uploads({1, 2, 3});
  publish_keys({1, 2, 3});
  world_.ports.close_window(kSealedWindow);
  EXPECT_THAT(uids_of(gather_all(request())), ElementsAre(1, 2, 3)) << "it is its own loss";
}

TEST_F(SealedGather, NamesAWrongKey) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 3});
  // Another's, which is right for that one.
  world_.ports.put(2, key_name(), world_.ports.upload_key_of(1, kSealedWindow).bytes);
  expect_2_rejected(VerdictCode::kWrongKey, "not the key that the upload names");
}

TEST_F(SealedGather, NamesTheKeyOfAnotherWindowWrong) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 3});
  const UploadHeader header = header_of(2);
  world_.ports.put(
      2, key_name(),
      upload_key(world_.ports.key(2), header.run_id, kSealedWindow - 1, header.content_hash).bytes);
  expect_2_rejected(VerdictCode::kWrongKey, "not the key");
}

TEST_F(SealedGather, NamesATornKeyWrong) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.put(2, key_name(), ByteView(world_.ports.upload_key_of(2, kSealedWindow).bytes).first(16));
  expect_2_rejected(VerdictCode::kWrongKey, "16 bytes stored as its key");
}

TEST_F(SealedGather, RejectsAnOpenContribution) {
  store_uploads({1, 3});
  world_.ports.put(2, upload_name(), contribution(2));
  enter_put_window();
  publish_keys({1, 3});
  expect_2_rejected(VerdictCode::kInvalid, "magic");
}

// To the last byte, and with the right key: it still names its owner.
TEST_F(SealedGather, RejectsAnothersUpload) {
  store_uploads({1, 3});
  world_.ports.put(2, upload_name(), world_.ports.object(1, upload_name()));
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.put(2, key_name(), world_.ports.upload_key_of(1, kSealedWindow).bytes);
  expect_2_rejected(VerdictCode::kInvalid, "upload's uid: 1 instead of 2");
}

// Another's encrypted bytes behind a header of one's own, and the key once it is known: nothing opens.
TEST_F(SealedGather, RejectsAnothersPiecesBehindAHeaderOfOnesOwn) {
  store_uploads({1, 3});
  const Bytes victim = world_.ports.object(1, upload_name());
  UploadHeader header = header_of(1);
  header.uid = 2;
  const CipherKey victims_key = world_.ports.upload_key_of(1, kSealedWindow);  // its hash alone is known yet
  Bytes forged = seal_upload(header, contribution(1), victims_key, world_.ports.key(2));
  std::copy(victim.begin() + kUploadHeaderBytes, victim.end(), forged.begin() + kUploadHeaderBytes);
  world_.ports.put(2, upload_name(), forged);
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.put(2, key_name(), victims_key.bytes);
  expect_2_rejected(VerdictCode::kInvalid, "piece 0 was not sealed like this");
}

// Who knew another's contribution all the same could not make it his.
TEST_F(SealedGather, RejectsAnothersContributionInAnUploadOfOnesOwn) {
  store_uploads({1, 3});
  world_.ports.publish_upload(2, kSealedWindow, contribution(1));
  enter_put_window();
  publish_keys({1, 2, 3});
  expect_2_rejected(VerdictCode::kInvalid, "uid: 1 instead of 2");
}

TEST_F(SealedGather, RejectsAContributionThatTheHeaderDoesNotName) {
  store_uploads({1, 3});
  const Hash256 other = blake2b_256(as_bytes("another content"));
  const UploadHeader header{
      .run_id = run_id(world_.spec()), .window = kSealedWindow, .uid = 2, .content_hash = other};
  world_.ports.put(2, upload_name(), seal_upload(header, contribution(2), kSomeKey, world_.ports.key(2)));
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.put(2, key_name(), kSomeKey.bytes);
  expect_2_rejected(VerdictCode::kInvalid, "the upload names content");
}

TEST_F(SealedGather, RejectsAnUploadLargerThanAnyContribution) {
  store_uploads({1, 3});
  const auto most = static_cast<size_t>(max_upload_size(world_.layout(), world_.spec().codec));
  world_.ports.put(2, upload_name(), Bytes(most + 1));
  enter_put_window();
  publish_keys({1, 3});
  expect_2_rejected(VerdictCode::kInvalid, "at most");
}

TEST_F(SealedGather, RejectsAnUploadWithBytesBehindIt) {
  store_uploads({1, 2, 3});
  Bytes longer = world_.ports.object(2, upload_name());
  longer.push_back(0);
  world_.ports.put(2, upload_name(), longer);
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.put(2, key_name(), kSomeKey.bytes);
  expect_2_rejected(VerdictCode::kInvalid, "the upload of");
}

// A bit that was read wrong is no reason to take a window from an honest miner.
TEST_F(SealedGather, ReadsAKeyTwiceBeforeItIsCalledWrong) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 2, 3});
  world_.ports.close_window(kSealedWindow);
  int readings = 0;
  StoreHooks hooks;
  hooks.changed = [&](std::string_view key, Bytes& content) {
    if (key == key_name() && ++readings == 1) content[7] ^= 1;
  };
  const HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  const auto gathered = gather(environment, request());
  ASSERT_TRUE(gathered.has_value());
  EXPECT_THAT(uids_of(*gathered), ElementsAre(1, 2, 3));
  EXPECT_EQ(readings, 4) << "that of the first miner twice";
}

TEST_F(SealedGather, DoesNotDownloadWhatItHasNoKeyTo) {
  store_uploads({1, 2, 3});
  enter_put_window();
  publish_keys({1, 3});
  world_.ports.close_window(kSealedWindow);
  int downloads = 0;
  StoreHooks hooks;
  hooks.before = [&](std::string_view call, std::string_view key, uint64_t) -> Status {
    downloads += call == "get" && key.starts_with(kContributionPrefix) ? 1 : 0;
    return {};
  };
  const HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  ASSERT_TRUE(gather(environment, request()));
  EXPECT_EQ(downloads, 2);
}

TEST_F(SealedGather, UsesWhatWasDownloadedBeforeTheKeysWereOut) {
  store_uploads({1, 2, 3});
  enter_put_window();
  GatherRequest with_uploads = request();
  with_uploads.uploads = download_uploads(world_.environment, world_.environment.spec, kSealedWindow,
                                          with_uploads.times, with_uploads.roster, with_uploads.peers.gather);
  ASSERT_EQ(with_uploads.uploads->size(), 3u);
  publish_keys({1, 2, 3});
  // What is stored now has another version: it is not what is at hand, and too late.
  store_uploads({3});
  world_.ports.close_window(kSealedWindow);
  std::vector<std::string> read;
  StoreHooks hooks;
  hooks.before = [&](std::string_view call, std::string_view key, uint64_t) -> Status {
    if (call.starts_with("get") && key.starts_with(kContributionPrefix)) read.emplace_back(key);
    return {};
  };
  const HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  const auto gathered = gather(environment, with_uploads);
  ASSERT_TRUE(gathered.has_value());
  EXPECT_THAT(uids_of(*gathered), ElementsAre(1, 2));
  EXPECT_THAT(read, IsEmpty());
}

TEST_F(SealedGather, DownloadsNothingEarlyThatCouldNotCount) {
  store_uploads({1});
  enter_put_window();
  store_uploads({2});
  const GatherRequest window = request();
  const auto uploads = download_uploads(world_.environment, world_.environment.spec, kSealedWindow,
                                        window.times, window.roster, std::vector<uint32_t>{1, 2, 3, 77});
  ASSERT_EQ(uploads->size(), 1u);
  EXPECT_TRUE(uploads->contains(1));
}

// What a record names is found in its miner's bucket with the key, or open among the validators' copies.
TEST_F(SealedGather, FetchesWhatARecordNames) {
  store_uploads({1, 2, 3});
  publish_keys({1, 2, 3});
  const AggregateRecord record =
      world_.ports.record_of(kSealedWindow, 0, world_.ports.initial_root(), {1, 2, 3});
  const auto fetched = [&] {
    const auto named = fetch_named(world_.environment, record, world_.ports.roster(),
                                   std::vector{world_.ports.roster()[kLeader]}, {});
    EXPECT_TRUE(named.has_value());
    std::vector<uint32_t> uids;
    for (const Contribution& one : named->found) uids.push_back(one.header().uid);
    return std::pair(uids, named->missing);
  };
  EXPECT_THAT(fetched().first, ElementsAre(1, 2, 3));
  world_.ports.remove(2, key_name());
  world_.ports.put(3, key_name(), kSomeKey.bytes);
  EXPECT_THAT(fetched().first, ElementsAre(1));
  EXPECT_THAT(fetched().second.at(0).reason, HasSubstr("nothing stored as its key"));
  EXPECT_THAT(fetched().second.at(1).reason, HasSubstr("not the key"));
  for (const uint32_t uid : {2u, 3u})
    world_.ports.put(kLeader, accepted_contribution_key(kSealedWindow, uid), contribution(uid));
  EXPECT_THAT(fetched().first, ElementsAre(1, 2, 3));
  // A miner that has stored something else since.
  world_.ports.publish_upload(1, kSealedWindow, contribution(2));
  EXPECT_THAT(fetched().second.at(0).reason, HasSubstr("the leader's record names"));
}

}  // namespace
}  // namespace templar::testing
