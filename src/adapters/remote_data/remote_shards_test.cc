#include "adapters/remote_data/remote_shards.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/pushed_data.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

// Three shards of 4 KiB of tokens, whose files are counted and damaged by the hooks.
class RemoteShardsTest : public ::testing::Test {
 protected:
  RemoteShardsTest() {
    data_.hooks.before = [this](std::string_view call, std::string_view key, uint64_t begin) -> Status {
      const MutexLock lock(mutex_);
      const std::string file(key.substr(key.rfind('/') + 1));
      if (call == "get_range") begins_[file].push_back(begin);
      ++calls_;
      changed_.notify_all();
      changed_.wait(mutex_, [&]() REQUIRES(mutex_) { return call != "get_range" || stalled_ != file; });
      if (is_away_) return retry_error("the store is away");
      return {};
    };
    data_.hooks.changed = [this](std::string_view key, Bytes& content) {
      const MutexLock lock(mutex_);
      int& times = damages_[std::string(key.substr(key.rfind('/') + 1))];
      if (times > 0 && --times >= 0) content[content.size() / 2] ^= 1;
    };
  }

  [[nodiscard]] Result<std::unique_ptr<RemoteShards>> try_open(RemoteDataOptions options) {
    return RemoteShards::open(std::make_unique<HookedStore>(data_.store, data_.hooks), std::move(options));
  }
  [[nodiscard]] std::unique_ptr<RemoteShards> open(uint64_t cache_bytes = 0) {
    RemoteDataOptions options = data_.options(cache_.path());
    options.cache_bytes = cache_bytes;
    options.manifest_hash = blake2b_256(as_bytes(write_manifest(data_.manifest)));
    auto source = try_open(std::move(options));
    EXPECT_TRUE(source) << source.error().message;
    return *std::move(source);
  }
  // How often a range of the file was asked for, with the places where they began.
  [[nodiscard]] std::vector<uint64_t> begins(const std::string& file) {
    const MutexLock lock(mutex_);
    return begins_[file];
  }
  [[nodiscard]] int calls() {
    const MutexLock lock(mutex_);
    return calls_;
  }
  void wait_for_range(const std::string& file) {
    const MutexLock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(mutex_, std::chrono::seconds(20),
                                  [&]() REQUIRES(mutex_) { return !begins_[file].empty(); }));
  }
  void set_stalled(const std::string& file) {
    const MutexLock lock(mutex_);
    stalled_ = file;
    changed_.notify_all();
  }
  void set_away(bool is_away) {
    const MutexLock lock(mutex_);
    is_away_ = is_away;
  }
  void damage(const std::string& file, int times) {
    const MutexLock lock(mutex_);
    damages_[file] = times;
  }
  [[nodiscard]] fs::path cached(uint64_t shard) const {
    return cache_ / data_.manifest.shards[shard].file_hash.hex();
  }
  [[nodiscard]] fs::path part_of(uint64_t shard) const { return cached(shard).string() + PartFile::kSuffix; }
  // Until the shard after that one has been fetched ahead.
  void wait_for_cached(uint64_t shard) {
    wait_for_range(data_.manifest.shards[shard].ids_file);
    for (int i = 0; i < 10'000'000 && !is_there(ids_path(shard)); ++i) std::this_thread::yield();
    ASSERT_TRUE(is_there(ids_path(shard)));
  }
  [[nodiscard]] fs::path ids_path(uint64_t shard) const {
    return cache_ / data_.manifest.shards[shard].ids_hash.hex();
  }
  void expect_shard(const Result<Shard>& shard, size_t index) const {
    ASSERT_TRUE(shard) << shard.error().message;
    ASSERT_EQ(shard->sample_count(), 64u);
    for (uint64_t i = 0; i < 64; ++i) {
      const auto begin = content_.shards[index].tokens.begin() + static_cast<std::ptrdiff_t>(i * 16);
      EXPECT_TRUE(std::equal(begin, begin + 16, shard->sample(i).begin()));
      EXPECT_EQ(shard->sample_id(i), content_.shards[index].sample_ids[i]);
    }
  }

  Mutex mutex_;
  ConditionVariable changed_;
  std::map<std::string, std::vector<uint64_t>> begins_ GUARDED_BY(mutex_);
  std::map<std::string, int> damages_ GUARDED_BY(mutex_);
  std::string stalled_ GUARDED_BY(mutex_);
  int calls_ GUARDED_BY(mutex_) = 0;
  bool is_away_ GUARDED_BY(mutex_) = false;
  MemoryShardSourceContent content_ = random_shard_content(11, 3, 64, 16, 256);
  TemporaryFolder cache_;
  PushedData data_{content_};
};

TEST_F(RemoteShardsTest, SaysTheSameOfTheManifestAsTheFolder) {
  const auto folder = open_data_folder(data_.folder.path()).value();
  const auto source = open();
  EXPECT_EQ(source->manifest_hash(), folder->manifest_hash());
  EXPECT_EQ(source->open_tokenizer().value()->name(), "bytes");
}

TEST_F(RemoteShardsTest, FetchesNothingBeforeItIsNeededAndTheNextAhead) {
  const auto source = open();
  EXPECT_TRUE(begins("train_000000.npy").empty());
  expect_shard(source->open_shard(0), 0);
  wait_for_cached(1);
  EXPECT_TRUE(begins("train_000002.npy").empty());
  EXPECT_TRUE(begins("heldout_000000.npy").empty());
  // From now on the store is not needed for it.
  set_away(true);
  expect_shard(source->open_shard(1), 1);
}

TEST_F(RemoteShardsTest, AShardThatIsThereIsOpenedWhileTheNextIsStuck) {
  set_stalled("train_000001.npy");
  const auto source = open();
  expect_shard(source->open_shard(0), 0);
  wait_for_range("train_000001.npy");
  const int before = calls();
  for (int i = 0; i < 100; ++i) expect_shard(source->open_shard(0), 0);
  EXPECT_EQ(calls(), before);
  set_stalled("");
}

TEST_F(RemoteShardsTest, AfterARestartNothingIsFetchedAgain) {
  {
    const auto source = open();
    expect_shard(source->open_shard(0), 0);
    ASSERT_TRUE(source->open_heldout());
    wait_for_cached(1);
  }
  set_away(true);
  const auto source = open();
  expect_shard(source->open_shard(0), 0);
  EXPECT_TRUE(source->open_heldout());
  EXPECT_EQ(begins("train_000000.npy"), std::vector<uint64_t>{0});
}

TEST_F(RemoteShardsTest, AStoreThatIsAwayFailsWithRetryAndLosesNothing) {
  const auto source = open();
  set_away(true);
  EXPECT_TRUE(fails(source->open_shard(0), ErrorKind::kRetry, "the store is away"));
  EXPECT_TRUE(fails(source->open_heldout(), ErrorKind::kRetry, "the store is away"));
  set_away(false);
  expect_shard(source->open_shard(0), 0);
  EXPECT_TRUE(source->open_heldout());
}

TEST_F(RemoteShardsTest, FetchingAheadGoesOnOnceTheStoreIsBack) {
  const CapturedLogs logs;
  const auto source = open();
  set_stalled("train_000001.npy");
  expect_shard(source->open_shard(0), 0);
  wait_for_range("train_000001.npy");
  set_away(true);
  set_stalled("");
  const std::string said = "the next shard could not be fetched: trying again";
  for (int i = 0; i < 10'000'000 && logs.count(said) == 0; ++i) std::this_thread::yield();
  EXPECT_GE(logs.count(said), 1u);
  set_away(false);
  wait_for_cached(1);
}

// A shard may be needed in weeks: until then it would be fetched thousands of times.
TEST_F(RemoteShardsTest, ADamagedShardIsFetchedAheadTwiceAndNoMore) {
  const CapturedLogs logs;
  damage("train_000001.npy", 1000);
  const auto source = open();
  expect_shard(source->open_shard(0), 0);
  const std::string said = "the next shard can't be used: the node will end when it is due";
  for (int i = 0; i < 10'000'000 && logs.count(said) == 0; ++i) std::this_thread::yield();
  // Also when the one before it comes into use again.
  const uint64_t last = source->shard_count() - 1;
  ASSERT_GE(last, 2u);
  expect_shard(source->open_shard(last), last);
  expect_shard(source->open_shard(0), 0);
  for (int i = 0; i < 20'000 && logs.count(said) < 2; ++i) std::this_thread::yield();
  EXPECT_EQ(logs.count(said), 1u);
  EXPECT_EQ(begins("train_000001.npy"), (std::vector<uint64_t>{0, 0}));
  EXPECT_TRUE(fails(source->open_shard(1), ErrorKind::kFatal, "train_000001.npy: what came has"));
}

TEST_F(RemoteShardsTest, WrongBytesAreFetchedOnceAgain) {
  const CapturedLogs logs;
  damage("train_000000.npy", 1);
  expect_shard(open()->open_shard(0), 0);
  EXPECT_EQ(begins("train_000000.npy"), (std::vector<uint64_t>{0, 0}));
  EXPECT_EQ(logs.count("wrong bytes came: they are fetched again"), 1u);
}

TEST_F(RemoteShardsTest, WrongBytesTwiceAreAnErrorThatNamesTheObject) {
  damage("train_000000.npy", 2);
  const auto source = open();
  EXPECT_TRUE(fails(source->open_shard(0), ErrorKind::kFatal,
                    "s3://corpus/some/set/train_000000.npy: what came has"));
  EXPECT_FALSE(is_there(cached(0)));
  expect_shard(source->open_shard(0), 0);  // somebody has put a good one there
}

TEST_F(RemoteShardsTest, AnObjectThatIsMissingOrTooLargeIsAnErrorThatNamesIt) {
  const auto source = open();
  const std::string key = data_.objects.key_of("sample_ids_000000.npy");
  ASSERT_TRUE(data_.store.put("corpus", key, Bytes(100'000)));
  EXPECT_TRUE(fails(source->open_shard(0), ErrorKind::kFatal, "sample_ids_000000.npy: has 100000 bytes"));
  ASSERT_TRUE(data_.store.remove("corpus", key));
  EXPECT_TRUE(fails(source->open_shard(0), ErrorKind::kFatal, "sample_ids_000000.npy: is not there"));
}

TEST_F(RemoteShardsTest, AShorterObjectIsNeverTaken) {
  const auto source = open();
  Bytes content = data_.store.get("corpus", data_.objects.key_of("train_000000.npy"), 1 << 20).value();
  content.resize(content.size() - 64);
  ASSERT_TRUE(data_.store.put("corpus", data_.objects.key_of("train_000000.npy"), content));
  EXPECT_TRUE(fails(source->open_shard(0), ErrorKind::kFatal, "train_000000.npy: what came has"));
}

TEST_F(RemoteShardsTest, GoesOnFromWhatAKilledProcessHasLeft) {
  Bytes content = read_file(data_.folder / "train_000000.npy", 1 << 20).value();
  content.resize(1000);
  ASSERT_TRUE(write_file_atomically(part_of(0), content));
  expect_shard(open()->open_shard(0), 0);
  EXPECT_EQ(begins("train_000000.npy"), std::vector<uint64_t>{1000});
  EXPECT_FALSE(is_there(part_of(0)));
}

TEST_F(RemoteShardsTest, WhatAKilledProcessHasLeftIsChecked) {
  ASSERT_TRUE(write_file_atomically(part_of(0), Bytes(1000, 7)));
  ASSERT_TRUE(write_file_atomically(part_of(1), Bytes(1'000'000, 7)));  // more than the whole
  const auto source = open();
  expect_shard(source->open_shard(0), 0);
  expect_shard(source->open_shard(1), 1);
  EXPECT_EQ(begins("train_000000.npy"), (std::vector<uint64_t>{1000, 0}));
  EXPECT_EQ(begins("train_000001.npy"), (std::vector<uint64_t>{0}));
}

TEST_F(RemoteShardsTest, AFileThatWasDamagedInTheCacheIsFetchedAnew) {
  const CapturedLogs logs;
  {
    expect_shard(open()->open_shard(0), 0);
  }
  Bytes content = read_file(cached(0), 1 << 20).value();
  content[1000] ^= 1;
  ASSERT_TRUE(write_file_atomically(cached(0), content));
  expect_shard(open()->open_shard(0), 0);
  EXPECT_EQ(begins("train_000000.npy").size(), 2u);
  EXPECT_EQ(logs.count("a file of the cache is damaged: it is fetched again"), 1u);
}

TEST_F(RemoteShardsTest, DropsTheShardThatWasUsedLongestAgoAndNoneThatIsInUseOrNext) {
  const uint64_t shard_bytes = fs::file_size(data_.folder / "train_000000.npy") +
                               fs::file_size(data_.folder / "sample_ids_000000.npy");
  const auto source = open(2 * shard_bytes + fs::file_size(data_.folder / kManifestFile) + 100);
  expect_shard(source->open_shard(0), 0);
  wait_for_cached(1);
  EXPECT_TRUE(is_there(cached(0)));
  expect_shard(source->open_shard(1), 1);
  wait_for_cached(2);
  EXPECT_FALSE(is_there(cached(0)));
  EXPECT_TRUE(is_there(cached(1)));
  EXPECT_TRUE(is_there(cached(2)));
}

TEST_F(RemoteShardsTest, KeepsWhatIsInUseAndNextAlsoWhereTheCacheIsTooSmallForThem) {
  const CapturedLogs logs;
  ASSERT_TRUE(write_file_atomically(cache_ / "notes.txt", std::string(5000, 'a')));
  const auto source = open(1000);
  const auto shard = source->open_shard(0);
  wait_for_cached(1);
  expect_shard(shard, 0);
  EXPECT_TRUE(is_there(cached(0)));
  EXPECT_TRUE(is_there(cache_ / "notes.txt"));
  EXPECT_EQ(logs.count("the data cache grows above its size: what is in use and next is larger"), 1u);
}

TEST_F(RemoteShardsTest, ManyWhoShareAFolderFetchEachFileOnce) {
  std::vector<std::unique_ptr<RemoteShards>> sources;
  for (int i = 0; i < 4; ++i) sources.push_back(open());
  std::vector<std::thread> threads;
  for (const auto& source : sources)
    threads.emplace_back([&, shards = source.get()] { expect_shard(shards->open_shard(0), 0); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(begins("train_000000.npy"), std::vector<uint64_t>{0});
}

TEST_F(RemoteShardsTest, AFetchEndsWhereItIsCancelled) {
  std::atomic<bool> is_cancelled = false;
  RemoteDataOptions options = data_.options(cache_.path());
  options.is_cancelled = [&] { return is_cancelled.load(); };
  const auto source = try_open(std::move(options)).value();
  is_cancelled = true;
  EXPECT_TRUE(fails(source->open_shard(0), ErrorKind::kRetry, "the process is ending"));
}

TEST_F(RemoteShardsTest, RefusesAnotherManifestThanTheRunNames) {
  RemoteDataOptions options = data_.options(cache_.path());
  options.manifest_hash = Hash256{{1}};
  EXPECT_TRUE(fails(try_open(options), ErrorKind::kFatal, "the run trains on 01000000"));
}

TEST_F(RemoteShardsTest, RefusesAPlaceWithoutADataSet) {
  RemoteDataOptions options = data_.options(cache_.path());
  options.objects.prefix = "elsewhere";
  EXPECT_TRUE(fails(try_open(options), ErrorKind::kFatal, "no manifest.json there"));
  ASSERT_TRUE(data_.store.put("corpus", "elsewhere/manifest.json", as_bytes("{")));
  EXPECT_TRUE(fails(try_open(options), ErrorKind::kFatal, "s3://corpus/some/set/manifest.json"));
}

}  // namespace
}  // namespace templar::testing
