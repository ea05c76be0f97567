#include "app/store/store_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/files/file.h"
#include "base/threads/first_failure.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRangeBytes = uint64_t{8} << 20;  // smaller ones cost the server more than they move
constexpr size_t kRangesAtOnce = 8;

}  // namespace

Result<StoreFolder> StoreFolder::open(const StoreAddress& address, const StoreAccess& access,
                                      const Clock& clock) {
  if (const auto* s3 = std::get_if<S3Address>(&address)) {
    TRY_ASSIGN(auto service, open_s3_service(*s3, access, clock));
    return StoreFolder(address, std::move(service));
  }
  TRY_ASSIGN(auto store, open_store(address, access, clock));
  return StoreFolder(address, std::move(store));
}

Result<StoreFolder::Place> StoreFolder::place_of(const std::string& name) const {
  if (const auto* s3 = std::get_if<S3Address>(&address_))
    return Place{s3->bucket, s3->prefix.empty() ? name : s3->prefix + "/" + name};
  const size_t slash = name.find('/');
  if (slash == std::string::npos)
    return fatal_error(fmt::format("'{}': in a folder an object's name is BUCKET/KEY", name));
  return Place{name.substr(0, slash), name.substr(slash + 1)};
}

Result<std::vector<ObjectInfo>> StoreFolder::list_files(const std::string& folder,
                                                        const std::string& prefix) const {
  if (!is_there(folder)) return fatal_error(folder + ": there is no such folder");
  TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(folder));
  const std::string bucket_prefix = prefix.substr(0, prefix.find('/'));
  std::vector<ObjectInfo> found;
  for (const fs::path& entry : entries) {
    const std::string bucket = entry.filename().string();
    std::error_code error;
    if (!check_bucket_name(bucket) || !bucket.starts_with(bucket_prefix) || !fs::is_directory(entry, error))
      continue;
    TRY_ASSIGN(const std::vector<ObjectInfo> objects, store_->list(bucket, ""));
    for (ObjectInfo info : objects) {
      info.key = bucket + "/" + info.key;
      if (info.key.starts_with(prefix)) found.push_back(std::move(info));
    }
  }
  std::ranges::sort(found, {}, &ObjectInfo::key);
  return found;
}

Result<std::vector<ObjectInfo>> StoreFolder::list(const std::string& prefix) const {
  if (const auto* file = std::get_if<FileAddress>(&address_)) return list_files(file->folder, prefix);
  const auto& s3 = std::get<S3Address>(address_);
  const std::string beginning = s3.prefix.empty() ? "" : s3.prefix + "/";
  TRY_ASSIGN(std::vector<ObjectInfo> found, store_->list(s3.bucket, beginning + prefix));
  for (ObjectInfo& info : found) info.key.erase(0, beginning.size());
  return found;
}

Result<ObjectInfo> StoreFolder::info(const std::string& name) const {
  TRY_ASSIGN(const Place place, place_of(name));
  TRY_ASSIGN(const auto info, store_->head(place.bucket, place.key));
  if (!info) return fatal_error(fmt::format("{}: no object is called {}", to_text(address_), name));
  return *info;
}

Status StoreFolder::get(const std::string& name, const PlacingSink& sink, const Progress& progress) const {
  TRY_ASSIGN(const ObjectInfo before, info(name));
  TRY_ASSIGN(const Place place, place_of(name));
  std::atomic<uint64_t> next = 0;
  FirstFailure failure;
  Mutex mutex;
  uint64_t done_bytes = 0;
  const auto fetch = [&](ByteRange range) -> Status {
    uint64_t reached = range.begin;
    return store_->get_range_pieces(place.bucket, place.key, range, [&](ByteView piece) -> Status {
      TRY(sink(reached, piece));
      reached += piece.size();
      const MutexLock lock(mutex);
      done_bytes += piece.size();
      progress(done_bytes, before.size_bytes);
      return {};
    });
  };
  {
    const uint64_t ranges = (before.size_bytes + kRangeBytes - 1) / kRangeBytes;
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < std::min<uint64_t>(kRangesAtOnce, ranges); ++i) {
      threads.emplace_back([&] {
        for (uint64_t range = next++; range < ranges && failure.status(); range = next++) {
          const uint64_t begin = range * kRangeBytes;
          const Status status = fetch({begin, std::min(begin + kRangeBytes, before.size_bytes)});
          if (!status) failure.note(range, status.error());
        }
      });
    }
  }
  TRY(failure.status());
  TRY_ASSIGN(const ObjectInfo after, info(name));
  if (after.version != before.version || after.size_bytes != before.size_bytes)
    return retry_error(
        fmt::format("{}: {} was replaced while it was read: try again", to_text(address_), name));
  return {};
}

Status StoreFolder::put(const std::string& name, uint64_t size_bytes, const ContentWriter& write) {
  TRY_ASSIGN(const Place place, place_of(name));
  return store_->put_pieces(place.bucket, place.key, size_bytes, write);
}

Status StoreFolder::remove(const std::string& name) {
  TRY_ASSIGN(const Place place, place_of(name));
  return store_->remove(place.bucket, place.key);
}

}  // namespace templar
