#include "adapters/corpus/data_publisher.h"

#include <system_error>
#include <utility>

#include "adapters/shards/data_folder.h"
#include "adapters/shards/data_publication.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// Whoever has finished meanwhile has removed the folder with the lock in it: then there is a new one to take.
Result<FolderLock> take_staging(const fs::path& folder, const fs::path& staging) {
  for (;;) {
    TRY(make_folder(staging));
    Result<FolderLock> lock = FolderLock::take(staging, LockScope::kProcess);
    if (!lock && lock.error().kind == ErrorKind::kRetry)
      return fatal_error(folder.string() +
                         ": another preparation writes there; wait for it, or choose another folder");
    if (!lock && is_there(staging)) return lock;
    if (lock && is_there(staging / FolderLock::kFileName)) return lock;
  }
}

Status remove_remains(const fs::path& staging) {
  std::error_code error;
  for (fs::directory_iterator entry(staging, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename() == FolderLock::kFileName) continue;
    fs::remove_all(entry->path(), error);
    if (error) break;
  }
  if (error) return fatal_error(staging.string() + ": " + error.message());
  return {};
}

}  // namespace

Result<DataPublisher> DataPublisher::start(const fs::path& folder) {
  const bool made_folder = !is_there(folder);
  TRY(make_folder(folder));
  resume_publication(folder);
  const fs::path staging = folder / kPreparingFolder;
  if (!is_there(folder / kManifestFile) && !is_there(staging) && is_there(folder / train_file_name(0))) {
    return fatal_error(folder.string() + ": holds shards without a manifest; choose another folder");
  }
  TRY_ASSIGN(FolderLock lock, take_staging(folder, staging));
  TRY(remove_remains(staging));
  return DataPublisher(folder, std::move(lock), made_folder);
}

DataPublisher::DataPublisher(fs::path folder, FolderLock lock, bool made_folder)
    : folder_(std::move(folder)),
      staging_(folder_ / kPreparingFolder),
      lock_(std::move(lock)),
      made_folder_(made_folder) {}

DataPublisher::DataPublisher(DataPublisher&& other) noexcept
    : folder_(std::move(other.folder_)),
      staging_(std::exchange(other.staging_, {})),
      lock_(std::move(other.lock_)),
      made_folder_(other.made_folder_) {}

DataPublisher::~DataPublisher() {
  if (staging_.empty()) return;
  // Without the old manifest the folder is half replaced, and the staging folder's presence says so.
  if (!is_there(folder_ / kManifestFile) && is_there(folder_ / train_file_name(0))) return;
  if (!remove_remains(staging_)) return;  // the lock goes last: until then nobody else begins here
  std::error_code ignored;                // a destructor has nobody to tell
  fs::remove_all(staging_, ignored);
  if (made_folder_) fs::remove(folder_, ignored);
}

Result<Hash256> DataPublisher::publish(const DataManifest& manifest) {
  // Everything that needs room on the disk comes before the old data set goes.
  const std::string json = write_manifest(manifest);
  TRY(write_file_atomically(staging_ / kManifestFile, json));
  TRY(complete_publication(folder_));
  TRY(remove_remains(staging_));
  std::error_code error;
  fs::remove_all(std::exchange(staging_, {}), error);
  if (error) return fatal_error(folder_.string() + ": " + error.message());
  return blake2b_256(as_bytes(json));
}

}  // namespace templar
