#include "formats/checkpoint/checkpoint_download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/files/descriptor.h"
#include "base/files/file.h"
#include "base/threads/first_failure.h"
#include "base/threads/mutex.h"
#include "base/threads/thread_team.h"
#include "core/protocol/object_keys.h"

namespace templar {
namespace {

// A file on its way: of its final size at once, filled in any order.
struct Target {
  const CheckpointFile* file = nullptr;
  std::filesystem::path path;
  Descriptor descriptor;
  bool was_there = false;  // then some pieces may be right already
};

Result<Target> open_target(const std::filesystem::path& folder, const CheckpointFile& file) {
  Target target{.file = &file, .path = folder / file.name, .descriptor = {}, .was_there = false};
  target.descriptor =
      Descriptor(::open(target.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!target.descriptor.valid()) return file_error(target.path, errno);
  target.was_there = ::lseek(target.descriptor.get(), 0, SEEK_END) > 0;
  if (::ftruncate(target.descriptor.get(), static_cast<off_t>(file.size_bytes)) != 0)
    return file_error(target.path, errno);
  return target;
}

bool holds_piece(const Target& target, uint64_t piece) {
  if (!target.was_there) return false;
  const uint64_t begin = piece * kPieceBytes;
  Bytes content(std::min(kPieceBytes, target.file->size_bytes - begin));
  const ReadOutcome outcome = read_at(target.descriptor.get(), begin, content);
  return outcome.error == 0 && outcome.size == content.size() &&
         blake2b_256(content) == target.file->pieces[piece];
}

Status fetch_piece(const CheckpointFiles& files, const Target& target, uint64_t piece) {
  if (holds_piece(target, piece)) return {};
  TRY_ASSIGN(const Bytes content, read_piece(files, *target.file, piece));
  const int failure = write_at(target.descriptor.get(), piece * kPieceBytes, content);
  if (failure != 0) return file_error(target.path, failure);
  begin_writeback(target.descriptor.get(), piece * kPieceBytes, content.size());
  return {};
}

// How much of all files is there.
class DownloadProgress {
 public:
  DownloadProgress(const CheckpointManifest& manifest, const DownloadOptions& options) : options_(options) {
    for (const CheckpointFile& file : manifest.files) total_ += file.size_bytes;
  }
  void add(uint64_t bytes) {
    const MutexLock lock(mutex_);
    done_ += bytes;
    if (options_.progress) options_.progress(done_, total_);
  }

 private:
  const DownloadOptions& options_;
  uint64_t total_ = 0;
  Mutex mutex_;
  uint64_t done_ GUARDED_BY(mutex_) = 0;
};

// Several pieces at once; durable on success.
Status fetch_file(const CheckpointFiles& files, const CheckpointFile& file,
                  const std::filesystem::path& folder, ThreadTeam& team, DownloadProgress& progress) {
  TRY_ASSIGN(const Target target, open_target(folder, file));
  FirstFailure failure;
  std::atomic<uint64_t> next{0};
  team.run([&](int) {
    for (uint64_t piece = next++; piece < file.pieces.size() && !failure.before(piece); piece = next++) {
      if (Status fetched = fetch_piece(files, target, piece); !fetched) {
        failure.note(piece, std::move(fetched).error());
      } else {
        progress.add(std::min(kPieceBytes, file.size_bytes - piece * kPieceBytes));
      }
    }
  });
  TRY(failure.status());
  return ::fsync(target.descriptor.get()) == 0 ? Status() : file_error(target.path, errno);
}

// As it lies there: its bytes are what was signed.
Result<Bytes> manifest_text(const CheckpointFiles& files, const CheckpointManifest& manifest) {
  TRY_ASSIGN(const uint64_t size, files.size_of(kManifestName));
  Bytes text(std::min<uint64_t>(size, kMaxManifestBytes));
  TRY(files.read(kManifestName, 0, text));
  TRY_ASSIGN(const CheckpointManifest again, open_manifest(as_text(text)));
  if (again != manifest) return retry_error(files.where + ": replaced while it was copied");
  return text;
}

}  // namespace

Status begin_checkpoint_folder(const std::filesystem::path& folder) {
  TRY(make_folder(folder));
  std::error_code error;
  std::filesystem::remove(folder / kManifestName, error);
  if (error) return fatal_error((folder / kManifestName).string() + ": " + error.message());
  return sync_path(folder);
}

Status download_checkpoint(const CheckpointFiles& files, const CheckpointManifest& manifest,
                           const std::filesystem::path& folder, const DownloadOptions& options) {
  TRY_ASSIGN(const Bytes text, manifest_text(files, manifest));
  for (const CheckpointFile& file : manifest.files) TRY(check_size(files, file));
  TRY(begin_checkpoint_folder(folder));
  ThreadTeam team(std::max(options.connections, 1));
  DownloadProgress progress(manifest, options);
  for (const CheckpointFile& file : manifest.files) TRY(fetch_file(files, file, folder, team, progress));
  TRY(sync_path(folder));
  return write_file_atomically(folder / kManifestName, text);
}

Status copy_checkpoint(const CheckpointFiles& files, const CheckpointManifest& manifest, ObjectStore& store,
                       std::string_view bucket) {
  TRY_ASSIGN(const Bytes text, manifest_text(files, manifest));
  const std::string prefix = checkpoint_prefix(manifest.window);
  for (const CheckpointFile& file : manifest.files) {
    const auto write = [&](const std::function<Status(ByteView)>& sink) {
      return read_checked(files, file, sink);
    };
    TRY(store.put_pieces(bucket, prefix + file.name, file.size_bytes, write));
  }
  return store.put(bucket, prefix + std::string(kManifestName), text);
}

}  // namespace templar
