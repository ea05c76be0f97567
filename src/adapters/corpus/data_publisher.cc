#include "adapters/corpus/data_publisher.h"

#include <system_error>
#include <utility>
#include <vector>

#include "adapters/shards/data_folder.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_of(const DataManifest& manifest) {
  std::vector<std::string> files;
  const auto add = [&files](const ShardEntry& entry) {
    files.push_back(entry.file);
    files.push_back(entry.ids_file);
  };
  for (const ShardEntry& entry : manifest.shards) add(entry);
  if (manifest.heldout) add(*manifest.heldout);
  if (!manifest.tokenizer_file.empty()) files.push_back(manifest.tokenizer_file);
  return files;
}

Status remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) return fatal_error(path.string() + ": " + error.message());
  return {};
}

Status move_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return fatal_error(to.string() + ": " + error.message());
  return {};
}

}  // namespace

Result<DataPublisher> DataPublisher::start(const fs::path& folder) {
  const bool made_folder = !is_there(folder);
  TRY(make_folder(folder));
  const fs::path staging = folder / kPreparingFolder;
  if (!is_there(folder / kManifestFile) && !is_there(staging) && is_there(folder / train_file_name(0))) {
    return fatal_error(folder.string() + ": holds shards without a manifest; choose another folder");
  }
  std::error_code error;
  fs::remove_all(staging, error);
  if (error) return fatal_error(staging.string() + ": " + error.message());
  DataPublisher publisher(folder, made_folder);
  TRY(make_folder(staging));
  return publisher;
}

DataPublisher::DataPublisher(fs::path folder, bool made_folder)
    : folder_(std::move(folder)), staging_(folder_ / kPreparingFolder), made_folder_(made_folder) {}

DataPublisher::DataPublisher(DataPublisher&& other) noexcept
    : folder_(std::move(other.folder_)),
      staging_(std::exchange(other.staging_, {})),
      made_folder_(other.made_folder_) {}

DataPublisher::~DataPublisher() {
  if (staging_.empty()) return;
  // Without the old manifest the folder is half replaced, and the staging folder's presence says so.
  if (!is_there(folder_ / kManifestFile) && is_there(folder_ / train_file_name(0))) return;
  std::error_code ignored;  // a destructor has nobody to tell
  fs::remove_all(staging_, ignored);
  if (made_folder_) fs::remove(folder_, ignored);
}

Status DataPublisher::remove_old() const {
  if (!is_there(folder_ / kManifestFile)) return {};
  const Result<DataManifest> old = read_manifest(folder_);
  // The manifest first, and durably: without it the folder counts as unfinished, whatever becomes of the
  // rest.
  TRY(remove_file(folder_ / kManifestFile));
  TRY(sync_path(folder_));
  if (!old) return {};  // it can't say which files are its own
  for (const std::string& file : files_of(*old)) TRY(remove_file(folder_ / file));
  return {};
}

Result<Hash256> DataPublisher::publish(const DataManifest& manifest) {
  // Everything that needs room on the disk comes before the old data set goes.
  const std::string json = write_manifest(manifest);
  TRY(write_file_atomically(staging_ / kManifestFile, json));
  TRY(remove_old());
  for (const std::string& file : files_of(manifest)) TRY(move_file(staging_ / file, folder_ / file));
  TRY(sync_path(folder_));
  TRY(move_file(staging_ / kManifestFile, folder_ / kManifestFile));
  TRY(sync_path(folder_));
  std::error_code error;
  fs::remove_all(std::exchange(staging_, {}), error);
  if (error) return fatal_error(folder_.string() + ": " + error.message());
  return blake2b_256(as_bytes(json));
}

}  // namespace templar
