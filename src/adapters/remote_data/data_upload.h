// Puts a prepared data set into a store, so that nodes anywhere read it from there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "adapters/remote_data/data_objects.h"
#include "base/hash.h"
#include "base/result.h"
#include "ports/object_store.h"

namespace templar {

// Says which data set is on its way there: the hash of its manifest. It goes when the manifest comes.
inline constexpr const char* kPendingFile = "manifest.pending";

struct UploadOptions {
  // Also another data set that is there, and files that seem to be there already; but an upload of this data
  // set that was cut short goes on.
  bool replaces = false;
  int files_at_once = 3;               // each holds what the store holds of a put
  std::function<bool()> is_cancelled;  // asked by any thread; empty: never
  // Called after each piece, by one thread at a time; empty: not called.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> progress;
};

struct UploadReport {
  Hash256 manifest_hash;
  uint64_t files = 0;  // with the manifest
  uint64_t sent_files = 0;
  uint64_t total_bytes = 0;
  uint64_t sent_bytes = 0;
  uint64_t foreign_objects = 0;  // beside them, of other names
};

// On success all files of the folder's data set are there, as the manifest describes them, and it was put
// last: until then the place holds no data set. Repeated after it was cut short, it goes on: a file is not
// sent again if it has the right size and was put after the mark (kPendingFile) that names this data set, by
// the store's own clock. Fails (fatal) where the folder is no data set, where a file of it is not what the
// manifest says (it is hashed as it is sent), and where another data set is there and may not be replaced;
// (retry) where the store is away or the upload was cancelled.
[[nodiscard]] Result<UploadReport> upload_data(const std::filesystem::path& folder, ObjectStore& store,
                                               const DataObjects& objects, const UploadOptions& options);

}  // namespace templar
