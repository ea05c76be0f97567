#include "node/checkpoint/checkpoint_download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>
#include <vector>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/thread_team.h"
#include "node/checkpoint/first_failure.h"

namespace templar {
namespace {

std::unexpected<Error> file_error(const std::filesystem::path& path, int error) {
  return fatal_error(path.string() + ": " + std::strerror(error));
}

// A file on its way: of its final size at once, filled in any order.
struct Target {
  const CheckpointFile* file = nullptr;
  std::filesystem::path path;
  Descriptor descriptor;
  bool was_there = false;  // then some pieces may be right already
};

Result<Target> open_target(const std::filesystem::path& folder, const CheckpointFile& file) {
  Target target{.file = &file, .path = folder / file.name, .descriptor = {}, .was_there = false};
  target.descriptor = Descriptor(::open(target.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
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

struct Job {
  const Target* target = nullptr;
  uint64_t piece = 0;
};

std::vector<Job> jobs_of(const std::vector<Target>& targets) {
  std::vector<Job> jobs;
  for (const Target& target : targets) {
    for (uint64_t piece = 0; piece < target.file->pieces.size(); ++piece) jobs.push_back({&target, piece});
  }
  return jobs;
}

Status fetch_all(const CheckpointFiles& files, const std::vector<Job>& jobs, const DownloadOptions& options) {
  uint64_t total = 0;
  for (const Job& job : jobs) total += std::min(kPieceBytes, job.target->file->size_bytes - job.piece * kPieceBytes);
  FirstFailure failure;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  uint64_t done = 0;  // guarded by mutex
  ThreadTeam team(std::clamp(options.connections, 1, static_cast<int>(std::max<size_t>(jobs.size(), 1))));
  team.run([&](int) {
    for (size_t i = next++; i < jobs.size() && !failure.failed(); i = next++) {
      const Job& job = jobs[i];
      if (Status fetched = fetch_piece(files, *job.target, job.piece); !fetched) {
        failure.note(i, std::move(fetched).error());
        continue;
      }
      const std::scoped_lock lock(mutex);
      done += std::min(kPieceBytes, job.target->file->size_bytes - job.piece * kPieceBytes);
      if (options.progress) options.progress(done, total);
    }
  });
  return failure.status();
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
  std::vector<Target> targets;
  for (const CheckpointFile& file : manifest.files) {
    TRY_ASSIGN(Target target, open_target(folder, file));
    targets.push_back(std::move(target));
  }
  TRY(fetch_all(files, jobs_of(targets), options));
  for (const Target& target : targets) {
    if (::fsync(target.descriptor.get()) != 0) return file_error(target.path, errno);
  }
  TRY(sync_path(folder));
  return write_file_atomically(folder / kManifestName, text);
}

}  // namespace templar
