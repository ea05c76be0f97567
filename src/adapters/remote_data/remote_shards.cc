#include "adapters/remote_data/remote_shards.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "adapters/shards/data_folder.h"
#include "adapters/shards/shard_files.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "base/log/log.h"

namespace templar {
namespace {

using CachedFiles = std::vector<std::shared_ptr<const CachedFile>>;

}  // namespace

Result<std::unique_ptr<RemoteShards>> RemoteShards::open(std::unique_ptr<ObjectReader> store,
                                                         RemoteDataOptions options) {
  std::unique_ptr<RemoteShards> shards(new RemoteShards(std::move(store), std::move(options)));
  TRY(shards->read_manifest());
  shards->worker_ = std::jthread([source = shards.get()] { source->fetch_ahead(); });
  return shards;
}

RemoteShards::RemoteShards(std::unique_ptr<ObjectReader> store, RemoteDataOptions options)
    : store_(std::move(store)),
      options_(std::move(options)),
      cache_({.folder = options_.cache_folder, .most_bytes = options_.cache_bytes, .is_cancelled = [this] {
                return is_ending_ || (options_.is_cancelled && options_.is_cancelled());
              }}) {}

RemoteShards::~RemoteShards() {
  const MutexLock lock(mutex_);
  is_ending_ = true;
  changed_.notify_all();
}

Result<Bytes> RemoteShards::ask_for_manifest() const {
  const DataObjects& objects = options_.objects;
  const std::string key = objects.key_of(kManifestFile);
  TRY_ASSIGN(const auto info, store_->head(objects.bucket, key));
  if (!info) {
    return fatal_error(
        fmt::format("{}: no {} there, so no data set, or one that was not pushed to its end: upload it with "
                    "`templar data push`",
                    objects.where, kManifestFile));
  }
  Result<Bytes> text = store_->get(objects.bucket, key, kMaxDataManifestBytes);
  if (!text && text.error().kind == ErrorKind::kSkip)
    return fatal_error(objects.name_of(kManifestFile) + ": " + text.error().message);
  return text;
}

Result<Bytes> RemoteShards::fetch_named_manifest(const Hash256& hash) {
  const DataFile file{kManifestFile, hash, kMaxDataManifestBytes};
  TRY_ASSIGN(manifest_file_, cache_.find(file));
  if (manifest_file_) return read_file(manifest_file_->path(), kMaxDataManifestBytes);
  Hash256 found;
  for (int attempt = 0; attempt < 2; ++attempt) {
    TRY_ASSIGN(Bytes text, ask_for_manifest());
    found = blake2b_256(text);
    if (found != hash) continue;  // wrong bytes may come right the second time
    TRY_ASSIGN(manifest_file_, cache_.keep(file, text));
    return text;
  }
  return fatal_error(
      fmt::format("{}: its manifest hash is {}, the run trains on {} (data.manifest_hash): name "
                  "the data set that the run was started with",
                  options_.objects.where, found.hex(), hash.hex()));
}

Status RemoteShards::read_manifest() {
  TRY_ASSIGN(const Bytes text,
             options_.manifest_hash ? fetch_named_manifest(*options_.manifest_hash) : ask_for_manifest());
  manifest_hash_ = blake2b_256(text);
  Result<DataManifest> manifest = parse_manifest(as_text(text));
  if (!manifest) return annotate(manifest.error(), options_.objects.name_of(kManifestFile));
  manifest_ = *std::move(manifest);
  return {};
}

uint64_t RemoteShards::sample_count(uint64_t index) const {
  CHECK(index < shard_count());
  return manifest_.shards[index].samples;
}

Result<Shard> RemoteShards::fetch_shard(const ShardEntry& entry) const {
  auto cached = std::make_shared<CachedFiles>();
  for (const DataFile& file : files_of_shard(entry, manifest_.sequence_length)) {
    TRY_ASSIGN(auto fetched, cache_.fetch(*store_, options_.objects, file));
    cached->push_back(std::move(fetched));
  }
  ShardFiles files{.tokens = (*cached)[0]->path(),
                   .ids = (*cached)[1]->path(),
                   .source_bytes = cached->size() > 2 ? (*cached)[2]->path() : std::filesystem::path(),
                   .samples = entry.samples};
  Result<Shard> shard = open_shard_files(files, manifest_.sequence_length, std::move(cached));
  if (!shard) return annotate(shard.error(), options_.objects.name_of(entry.file));
  return shard;
}

Result<Shard> RemoteShards::open_shard(uint64_t index) const {
  CHECK(index < shard_count());
  {
    const MutexLock lock(mutex_);
    if (const auto kept = kept_.find(index); kept != kept_.end()) {
      const Shard shard = kept->second;
      keep(index, shard);
      return shard;
    }
  }
  TRY_ASSIGN(Shard shard, fetch_shard(manifest_.shards[index]));
  const MutexLock lock(mutex_);
  keep(index, shard);
  return shard;
}

Result<Shard> RemoteShards::open_heldout() const {
  if (!manifest_.heldout) return skip_error(options_.objects.where + " has no held-out samples");
  {
    const MutexLock lock(mutex_);
    if (heldout_) return *heldout_;
  }
  TRY_ASSIGN(Shard shard, fetch_shard(*manifest_.heldout));
  const MutexLock lock(mutex_);
  heldout_ = shard;
  return shard;
}

Result<std::unique_ptr<Tokenizer>> RemoteShards::open_tokenizer() const {
  if (manifest_.tokenizer_file.empty()) return open_manifest_tokenizer(manifest_, {});
  TRY_ASSIGN(const auto cached, cache_.fetch(*store_, options_.objects, tokenizer_file_of(manifest_)));
  return open_manifest_tokenizer(manifest_, cached->path());
}

std::optional<uint64_t> RemoteShards::next_of(uint64_t index) const {
  if (shard_count() == 1) return std::nullopt;
  return (index + 1) % shard_count();
}

void RemoteShards::keep(uint64_t index, const Shard& shard) const {
  const std::optional<uint64_t> next = next_of(index);
  kept_.insert_or_assign(index, shard);
  std::erase_if(kept_, [&](const auto& kept) { return kept.first != index && kept.first != next; });
  ahead_ = next && next != broken_ && !kept_.contains(*next) ? next : std::nullopt;
  changed_.notify_all();
}

void RemoteShards::fetch_ahead() {
  BackOff back_off(options_.pauses);
  MutexLock lock(mutex_);
  while (!is_ending_) {
    if (!ahead_) {
      changed_.wait(mutex_);
      continue;
    }
    const uint64_t index = *ahead_;
    lock.unlock();
    Result<Shard> shard = fetch_shard(manifest_.shards[index]);
    lock.lock();
    if (shard) {
      back_off.succeed();
      if (ahead_ != index) continue;  // what is needed has changed meanwhile
      kept_.insert_or_assign(index, *std::move(shard));
      ahead_.reset();
      continue;
    }
    if (is_ending_) return;
    if (shard.error().kind == ErrorKind::kFatal) {
      // Not fetched again and again meanwhile: open_shard() says it once more when it is due.
      log(LogLevel::kError, "data", "the next shard can't be used: the node will end when it is due",
          {{"shard", index}, {"reason", shard.error().message}});
      broken_ = index;
      if (ahead_ == index) ahead_.reset();
      continue;
    }
    const auto pause = back_off.next_pause();
    log(LogLevel::kWarning, "data", "the next shard could not be fetched: trying again",
        {{"shard", index}, {"reason", shard.error().message}, {"pause_ms", pause.count()}});
    changed_.wait_for(mutex_, pause, [&]() REQUIRES(mutex_) { return is_ending_ || ahead_ != index; });
  }
}

}  // namespace templar
