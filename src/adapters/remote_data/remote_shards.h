// A data set that lies in a store as a ShardSource: its manifest is read at the start, each shard is fetched
// when it is needed, and the one behind it before it is.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "adapters/remote_data/data_cache.h"
#include "adapters/remote_data/data_objects.h"
#include "base/back_off.h"
#include "ports/object_store.h"
#include "ports/shard_source.h"
#include "ports/tokenizer.h"

namespace templar {

struct RemoteDataOptions {
  DataObjects objects;
  std::filesystem::path cache_folder;
  uint64_t cache_bytes = 0;  // see DataCacheOptions
  // That the manifest must have; nullopt: what lies there is taken.
  std::optional<Hash256> manifest_hash;
  // Between two attempts to fetch ahead, where one fails.
  RetryRule pauses{.first_pause = std::chrono::milliseconds(1000),
                   .longest_pause = std::chrono::milliseconds(60'000)};
  // True ends what is being fetched; empty: never.
  std::function<bool()> is_cancelled;
};

// Shards are opened from any thread; one that is there costs no request. One that is not is fetched within
// the call, which fails (retry) where the store is away, and (fatal) where it is missing or damaged there.
class RemoteShards final : public ShardSource {
 public:
  // Reads the manifest: from the cache, where its hash is known and it is there, else from the store. Fails
  // (retry) where the store is away, (fatal) where there is no data set, where it has another hash, and where
  // the cache can't be used.
  [[nodiscard]] static Result<std::unique_ptr<RemoteShards>> open(std::unique_ptr<ObjectReader> store,
                                                                  RemoteDataOptions options);
  ~RemoteShards() override;

  [[nodiscard]] uint64_t shard_count() const override { return manifest_.shards.size(); }
  [[nodiscard]] uint64_t sequence_length() const override { return manifest_.sequence_length; }
  [[nodiscard]] uint64_t vocab_size() const override { return manifest_.vocab_size; }
  [[nodiscard]] uint64_t sample_count(uint64_t index) const override;
  [[nodiscard]] std::string tokenizer_name() const override { return manifest_.tokenizer; }
  [[nodiscard]] std::optional<Hash256> manifest_hash() const override { return manifest_hash_; }
  [[nodiscard]] Result<Shard> open_shard(uint64_t index) const override;
  [[nodiscard]] Result<Shard> open_heldout() const override;

  // The tokenizer that the data set was made with. Fails as open_shard.
  [[nodiscard]] Result<std::unique_ptr<Tokenizer>> open_tokenizer() const;

 private:
  RemoteShards(std::unique_ptr<ObjectReader> store, RemoteDataOptions options);
  [[nodiscard]] Status read_manifest();
  [[nodiscard]] Result<Bytes> ask_for_manifest() const;
  [[nodiscard]] Result<Bytes> fetch_named_manifest(const Hash256& hash);
  [[nodiscard]] Result<Shard> fetch_shard(const ShardEntry& entry) const;
  // Of the shard whose turn is after that one's; nullopt where there is but one.
  [[nodiscard]] std::optional<uint64_t> next_of(uint64_t index) const;
  void keep(uint64_t index, const Shard& shard) const REQUIRES(mutex_);
  void fetch_ahead();

  std::atomic<bool> is_ending_ = false;
  const std::unique_ptr<ObjectReader> store_;
  const RemoteDataOptions options_;
  mutable DataCache cache_;
  std::shared_ptr<const CachedFile> manifest_file_;  // held, so that it stays for the next start
  DataManifest manifest_;
  Hash256 manifest_hash_;

  mutable Mutex mutex_;
  mutable ConditionVariable changed_;
  // The shard that was opened last and the one after it, which therefore stay in the cache.
  mutable std::map<uint64_t, Shard> kept_ GUARDED_BY(mutex_);
  mutable std::optional<uint64_t> ahead_ GUARDED_BY(mutex_);  // to be fetched before it is needed
  std::optional<uint64_t> broken_ GUARDED_BY(mutex_);         // that could not be used
  mutable std::optional<Shard> heldout_ GUARDED_BY(mutex_);
  std::jthread worker_;  // last: joined before the rest goes away
};

}  // namespace templar
