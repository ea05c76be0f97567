// What was fetched of data sets, on this machine's disk: files under the names of their hashes, so that any
// number of data sets and processes share one folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "adapters/remote_data/cached_file.h"
#include "adapters/remote_data/data_objects.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/threads/mutex.h"
#include "ports/object_store.h"

namespace templar {

struct DataCacheOptions {
  std::filesystem::path folder;
  uint64_t most_bytes = 0;  // 0: as many as there are
  // Asked from time to time, by any thread: true ends a fetch with an error (retry). Empty: never.
  std::function<bool()> is_cancelled;
};

// Whether a cache makes files of that name; what else lies in its folder it leaves alone.
[[nodiscard]] bool is_cached_data_file(std::string_view name);

// Thread-safe.
class DataCache {
 public:
  // Touches nothing; the folder is made when something is put there.
  explicit DataCache(DataCacheOptions options) : options_(std::move(options)) {}

  // The file where it is in the folder; nullptr where it is not. What lies there is read once by each
  // process, to see that it is still right; where it is not, it goes.
  [[nodiscard]] Result<std::shared_ptr<const CachedFile>> find(const DataFile& file);
  // Puts it there; content must have the file's hash.
  [[nodiscard]] Result<std::shared_ptr<const CachedFile>> keep(const DataFile& file, ByteView content);

  // The file, from the folder or else from the store, with that hash. It is fetched in ranges, several at
  // once, and written as it comes; what an earlier fetch has left is gone on from; while another thread or
  // process fetches the file it is waited for. Before that the files that were used longest ago go, where the
  // folder would grow above its size, but none that somebody uses. Fails (retry) where the store is away, the
  // disk full, or the fetch was cancelled: nothing that has come is lost. Fails (fatal) where there is no
  // such object, and where other bytes than those of that hash came twice.
  [[nodiscard]] Result<std::shared_ptr<const CachedFile>> fetch(const ObjectReader& store,
                                                                const DataObjects& objects,
                                                                const DataFile& file);

 private:
  [[nodiscard]] Status prepare_once();
  [[nodiscard]] Status check_cancelled(const std::string& what) const;
  [[nodiscard]] Result<std::shared_ptr<const CachedFile>> download(const ObjectReader& store,
                                                                   const DataObjects& objects,
                                                                   const DataFile& file, PartFile& part);
  // Goes on from what the part has, and returns the hash of all of it.
  [[nodiscard]] Result<Hash256> fill(const ObjectReader& store, const DataObjects& objects,
                                     const DataFile& file, PartFile& part);
  [[nodiscard]] Status make_room(uint64_t needed_bytes);

  const DataCacheOptions options_;
  Mutex mutex_;
  ConditionVariable fetched_;
  std::set<Hash256> checked_ GUARDED_BY(mutex_);  // of files that this process has read and found right
  bool is_prepared_ GUARDED_BY(mutex_) = false;
  bool has_warned_ GUARDED_BY(mutex_) = false;  // of a size that can't be kept
};

}  // namespace templar
