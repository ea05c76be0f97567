#include "adapters/shards/data_publication.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "adapters/shards/data_folder.h"
#include "base/files/file.h"
#include "base/files/folder_lock.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// The old data set's manifest, from when it stops to count until its files are gone.
constexpr const char* kReplacedFile = "replaced.json";

std::vector<std::string> files_of(const DataManifest& manifest) {
  std::vector<std::string> files;
  const auto add = [&files](const ShardEntry& entry) {
    files.push_back(entry.file);
    files.push_back(entry.ids_file);
    if (!entry.bytes_file.empty()) files.push_back(entry.bytes_file);
  };
  for (const ShardEntry& entry : manifest.shards) add(entry);
  if (manifest.heldout) add(*manifest.heldout);
  if (!manifest.tokenizer_file.empty()) files.push_back(manifest.tokenizer_file);
  return files;
}

Status move_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return fatal_error(to.string() + ": " + error.message());
  return {};
}

Result<DataManifest> manifest_in(const fs::path& file) {
  TRY_ASSIGN(const Bytes bytes, read_file(file, kMaxDataManifestBytes));
  auto manifest = parse_manifest(as_text(bytes));
  if (!manifest) return annotate(manifest.error(), file.string());
  return manifest;
}

// The old data set's files but those whose names the new one has: these are written over.
Status remove_replaced(const fs::path& folder, const std::vector<std::string>& kept) {
  const fs::path replaced = folder / kPreparingFolder / kReplacedFile;
  const Result<DataManifest> old = is_there(replaced) ? manifest_in(replaced) : fatal_error("");
  if (!old) return {};  // there was none, or it can't say which files are its own
  for (const std::string& file : files_of(*old)) {
    if (std::ranges::find(kept, file) != kept.end()) continue;
    std::error_code error;
    fs::remove(folder / file, error);
    if (error) return fatal_error((folder / file).string() + ": " + error.message());
  }
  return {};
}

}  // namespace

Status complete_publication(const fs::path& folder) {
  const fs::path staging = folder / kPreparingFolder;
  TRY_ASSIGN(const DataManifest manifest, manifest_in(staging / kManifestFile));
  const std::vector<std::string> files = files_of(manifest);
  // Without a manifest the folder counts as unfinished, whatever becomes of the rest.
  if (is_there(folder / kManifestFile)) TRY(move_file(folder / kManifestFile, staging / kReplacedFile));
  TRY(sync_path(staging));
  TRY(sync_path(folder));
  TRY(remove_replaced(folder, files));
  for (const std::string& file : files) {
    if (is_there(staging / file)) TRY(move_file(staging / file, folder / file));
  }
  TRY(sync_path(folder));
  TRY(move_file(staging / kManifestFile, folder / kManifestFile));
  return sync_path(folder);
}

void resume_publication(const fs::path& folder) {
  const fs::path staging = folder / kPreparingFolder;
  if (is_there(folder / kManifestFile) || !is_there(staging / kManifestFile)) return;
  const Result<FolderLock> lock = FolderLock::take(staging, LockScope::kProcess);
  if (!lock || !complete_publication(folder)) return;
  std::error_code ignored;  // what is left, the next preparation removes
  fs::remove_all(staging, ignored);
}

}  // namespace templar
