#include "adapters/remote_data/data_cache.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <future>
#include <utility>

#include "adapters/shards/file_hash.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "base/log/log.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRangeBytes = uint64_t{8} << 20;
constexpr size_t kRangesAtOnce = 4;
constexpr auto kLookAgain = std::chrono::milliseconds(50);

struct Entry {
  fs::path path;
  uint64_t size_bytes = 0;
  timespec used_at{};
};

Result<std::vector<Entry>> cached_entries(const fs::path& folder) {
  TRY_ASSIGN(const std::vector<fs::path> paths, entries_of(folder));
  std::vector<Entry> entries;
  for (const fs::path& path : paths) {
    struct stat status{};
    if (!is_cached_data_file(path.filename().string()) || ::lstat(path.c_str(), &status) != 0) continue;
    if (!S_ISREG(status.st_mode)) continue;
    entries.push_back({path, static_cast<uint64_t>(status.st_size), status.st_mtim});
  }
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return std::pair(a.used_at.tv_sec, a.used_at.tv_nsec) < std::pair(b.used_at.tv_sec, b.used_at.tv_nsec);
  });
  return entries;
}

Result<uint64_t> size_of_object(const ObjectReader& store, const DataObjects& objects, const DataFile& file) {
  TRY_ASSIGN(const auto info, store.head(objects.bucket, objects.key_of(file.name)));
  const std::string name = objects.name_of(file.name);
  if (!info) {
    return fatal_error(name +
                       ": is not there, although the manifest names it: push the data set again with "
                       "`templar data push`, or copy the file there");
  }
  if (info->size_bytes > file.most_bytes) {
    return fatal_error(
        fmt::format("{}: has {} bytes, and by the manifest at most {}: another file lies there; "
                    "push the data set again with `templar data push --force`",
                    name, info->size_bytes, file.most_bytes));
  }
  return info->size_bytes;
}

Status hash_part(const PartFile& part, Blake2b& hash) {
  Bytes buffer(kRangeBytes);
  for (uint64_t done = 0; done < part.size_bytes();) {
    const auto piece = std::span(buffer).first(std::min(kRangeBytes, part.size_bytes() - done));
    TRY(part.read(done, piece));
    hash.update(piece);
    done += piece.size();
  }
  return {};
}

}  // namespace

bool is_cached_data_file(std::string_view name) {
  const std::string_view suffix = PartFile::kSuffix;
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  return parse_hash256(name).has_value();
}

Status DataCache::prepare_once() {
  const MutexLock lock(mutex_);
  if (is_prepared_) return {};
  TRY(make_folder(options_.folder));
  remove_unfinished_files(options_.folder);
  is_prepared_ = true;
  return {};
}

Result<std::shared_ptr<const CachedFile>> DataCache::fetch(const ObjectReader& store,
                                                           const DataObjects& objects, const DataFile& file) {
  TRY(prepare_once());
  const fs::path path = options_.folder / file.hash.hex();
  for (;;) {
    TRY_ASSIGN(auto found, find(file));
    if (found) return found;
    TRY_ASSIGN(std::optional<PartFile> part, PartFile::take(path));
    if (part && is_there(path)) {  // somebody has finished it between our two looks
      part->remove();
      continue;
    }
    if (part) {
      TRY_ASSIGN(found, download(store, objects, file, *part));
      const MutexLock lock(mutex_);
      checked_.insert(file.hash);
      fetched_.notify_all();
      if (found) return found;
      continue;
    }
    TRY(check_cancelled(objects.name_of(file.name)));
    const MutexLock lock(mutex_);
    fetched_.wait_for(mutex_, kLookAgain);
  }
}

Status DataCache::check_cancelled(const std::string& what) const {
  if (!options_.is_cancelled || !options_.is_cancelled()) return {};
  return retry_error(what + ": not fetched to its end, since the process is ending");
}

Result<std::shared_ptr<const CachedFile>> DataCache::find(const DataFile& file) {
  TRY_ASSIGN(auto found, CachedFile::open(options_.folder / file.hash.hex()));
  if (!found) return found;
  {
    const MutexLock lock(mutex_);
    if (checked_.contains(file.hash)) return found;
  }
  TRY_ASSIGN(const Hash256 hash, hash_file(found->path()));
  if (hash == file.hash) {
    const MutexLock lock(mutex_);
    checked_.insert(hash);
    return found;
  }
  log(LogLevel::kWarning, "data", "a file of the cache is damaged: it is fetched again",
      {{"file", file.name}, {"path", found->path().string()}});
  std::error_code error;
  fs::remove(found->path(), error);
  if (error) return file_error(found->path(), error.value());
  return nullptr;
}

Result<std::shared_ptr<const CachedFile>> DataCache::keep(const DataFile& file, ByteView content) {
  TRY(prepare_once());
  const fs::path path = options_.folder / file.hash.hex();
  TRY(write_file_atomically(path, content));
  return CachedFile::open(path);
}

Result<std::shared_ptr<const CachedFile>> DataCache::download(const ObjectReader& store,
                                                              const DataObjects& objects,
                                                              const DataFile& file, PartFile& part) {
  const Stopwatch watch;
  const uint64_t bytes_before = part.size_bytes();
  for (int attempt = 0;; ++attempt) {
    TRY_ASSIGN(const Hash256 hash, fill(store, objects, file, part));
    if (hash == file.hash) {
      log(LogLevel::kInfo, "data", "fetched",
          {{"file", file.name},
           {"bytes", part.size_bytes()},
           {"bytes_before", bytes_before},
           {"seconds", watch.seconds()}});
      return part.finish();
    }
    TRY(part.shorten(0));
    const std::string wrong = fmt::format("{}: what came has the hash {}, the manifest says {}",
                                          objects.name_of(file.name), hash.brief(), file.hash.brief());
    if (attempt > 0) {
      return fatal_error(wrong +
                         ", twice: the object is damaged, or of another data set; push the data set "
                         "again with `templar data push --force`");
    }
    log(LogLevel::kWarning, "data", "wrong bytes came: they are fetched again", {{"reason", wrong}});
  }
}

Result<Hash256> DataCache::fill(const ObjectReader& store, const DataObjects& objects, const DataFile& file,
                                PartFile& part) {
  const std::string name = objects.name_of(file.name);
  const std::string key = objects.key_of(file.name);
  TRY_ASSIGN(const uint64_t size_bytes, size_of_object(store, objects, file));
  if (part.size_bytes() > size_bytes) TRY(part.shorten(0));
  Blake2b hash;
  TRY(hash_part(part, hash));
  TRY(make_room(size_bytes - part.size_bytes()));
  std::deque<std::future<Result<Bytes>>> coming;
  uint64_t asked_bytes = part.size_bytes();
  while (part.size_bytes() < size_bytes) {
    TRY(check_cancelled(name));
    while (asked_bytes < size_bytes && coming.size() < kRangesAtOnce) {
      const ByteRange range{asked_bytes, std::min(asked_bytes + kRangeBytes, size_bytes)};
      coming.push_back(std::async(std::launch::async, [&store, &objects, &key, range] {
        return store.get_range(objects.bucket, key, range);
      }));
      asked_bytes = range.end;
    }
    const Result<Bytes> piece = coming.front().get();
    coming.pop_front();
    if (!piece) {
      // Skip would mean to others that they can do without it.
      const bool is_fatal = piece.error().kind == ErrorKind::kFatal;
      return std::unexpected(Error{is_fatal ? ErrorKind::kFatal : ErrorKind::kRetry,
                                   fmt::format("{}: {}", name, piece.error().message)});
    }
    if (piece->size() != std::min(kRangeBytes, size_bytes - part.size_bytes()))
      return retry_error(name + ": the store gave fewer bytes than were asked for");
    hash.update(*piece);
    TRY(part.append(*piece));
  }
  return hash.finish256();
}

Status DataCache::make_room(uint64_t needed_bytes) {
  if (options_.most_bytes == 0) return {};
  TRY_ASSIGN(const std::vector<Entry> entries, cached_entries(options_.folder));
  uint64_t total_bytes = needed_bytes;
  for (const Entry& entry : entries) total_bytes += entry.size_bytes;
  for (const Entry& entry : entries) {
    if (total_bytes <= options_.most_bytes) return {};
    if (remove_unused(entry.path)) total_bytes -= entry.size_bytes;
  }
  if (total_bytes <= options_.most_bytes) return {};
  const MutexLock lock(mutex_);
  if (std::exchange(has_warned_, true)) return {};
  log(LogLevel::kWarning, "data", "the data cache grows above its size: what is in use and next is larger",
      {{"folder", options_.folder.string()}, {"size_bytes", options_.most_bytes}, {"needed", total_bytes}});
  return {};
}

}  // namespace templar
