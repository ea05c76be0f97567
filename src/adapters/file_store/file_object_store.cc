#include "adapters/file_store/file_object_store.h"

#include <fcntl.h>
#include <fmt/compile.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "base/files/descriptor.h"
#include "base/files/file.h"
#include "base/files/system_error.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr int kPlacingAttempts = 100;
constexpr uint64_t kPieceBytes = uint64_t{1} << 20;

std::string named(std::string_view bucket, std::string_view key) {
  return fmt::format("object {}/{}", bucket, key);
}

bool is_absent(int error) {
  return error == ENOENT || error == ENOTDIR;
}

std::unexpected<Error> write_error(const std::string& what, int error) {
  return system_error(what, error);
}

std::unexpected<Error> read_error(const std::string& what, int error) {
  return retry_error(what + ": " + system_message(error));
}

std::unexpected<Error> missing(std::string_view bucket, std::string_view key) {
  return skip_error(named(bucket, key) + ": missing");
}

TimestampMs to_ms(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1000000;
}

timespec from_ms(TimestampMs time_ms) {
  int64_t seconds = time_ms / 1000;
  if (time_ms % 1000 < 0) --seconds;
  return {.tv_sec = seconds, .tv_nsec = (time_ms - seconds * 1000) * 1000000};
}

// Each put makes a file of its own and moves it into place, which the file system stamps, though not finer
// than its clock ticks; and what of a modification time is finer than our milliseconds is another number for
// each of a process' puts.
constexpr int64_t kFinerThanMs = 1'000'000;

int64_t next_put_number() {
  static std::atomic<int64_t> counter{0};
  return counter++ % kFinerThanMs;
}

std::string version_of(const struct stat& status) {
  return fmt::format(FMT_COMPILE("{:x}.{:x}.{:x}.{:x}.{:x}"), status.st_dev, status.st_ino,
                     status.st_ctim.tv_sec, status.st_ctim.tv_nsec, status.st_mtim.tv_nsec);
}

ObjectInfo info_of(std::string_view key, const struct stat& status) {
  return {std::string(key), static_cast<uint64_t>(status.st_size), to_ms(status.st_mtim), version_of(status)};
}

// An object opened for reading: its content can't change any more, whatever is put over its name.
struct OpenObject {
  Descriptor file;
  uint64_t size_bytes = 0;
};

// Fails (skip) if it is missing.
Result<OpenObject> open_object(const fs::path& path, std::string_view bucket, std::string_view key) {
  // What else somebody has put there is no object: a link is not followed, and a pipe holds nobody up.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && is_absent(errno)) return missing(bucket, key);
  if (!file.valid()) return read_error(named(bucket, key), errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return read_error(named(bucket, key), errno);
  if (!S_ISREG(status.st_mode)) return missing(bucket, key);
  return OpenObject{std::move(file), static_cast<uint64_t>(status.st_size)};
}

Result<Bytes> read_object(const OpenObject& object, ByteRange range, std::string_view bucket,
                          std::string_view key) {
  Bytes content(range.end - range.begin);
  const ReadOutcome outcome = read_at(object.file.get(), range.begin, content);
  if (outcome.error != 0) return read_error(named(bucket, key), outcome.error);
  if (outcome.size != content.size()) {
    return retry_error(
        fmt::format("{}: ended after {} of {} bytes", named(bucket, key), outcome.size, content.size()));
  }
  return content;
}

// A new file in the folder, with a name that no other writer has.
struct TemporaryFile {
  fs::path path;
  Descriptor file;
};

Result<TemporaryFile> make_temporary(const fs::path& folder, const std::string& what) {
  static std::atomic<uint64_t> counter{0};
  for (;;) {
    fs::path path = folder / fmt::format("{}-{}", ::getpid(), counter++);
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file.valid()) return TemporaryFile{std::move(path), std::move(file)};
    // A killed writer that had the same process id may have left one of that name.
    if (errno != EEXIST) return write_error(what + ": " + folder.string(), errno);
  }
}

Status fill_temporary(const TemporaryFile& temporary, uint64_t size_bytes, const ContentWriter& write,
                      std::string_view bucket, std::string_view key) {
  const std::string what = named(bucket, key);
  uint64_t written = 0;
  TRY(write([&](ByteView piece) -> Status {
    if (const int failure = write_all(temporary.file.get(), piece); failure != 0)
      return write_error(what, failure);
    begin_writeback(temporary.file.get(), written, piece.size());
    written += piece.size();
    return {};
  }));
  return check_pieces_size(bucket, key, size_bytes, written);
}

Status finish_temporary(const TemporaryFile& temporary, TimestampMs stored_at_ms, const std::string& what) {
  timespec time = from_ms(stored_at_ms);
  time.tv_nsec += next_put_number();
  const timespec times[2] = {time, time};
  if (::futimens(temporary.file.get(), times) != 0) return write_error(what, errno);
  if (::fsync(temporary.file.get()) != 0) return write_error(what, errno);
  return {};
}

// 0, or -1 with errno: EEXIST where only_new and something is there. A file system that can't refuse by
// itself is asked before.
int rename_to(const fs::path& from, const fs::path& to, bool only_new) {
  if (!only_new) return ::rename(from.c_str(), to.c_str());
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  struct stat status{};
  if (::lstat(to.c_str(), &status) != 0) return ::rename(from.c_str(), to.c_str());
  errno = EEXIST;
  return -1;
}

// A folder that a remove() has pruned in the meantime needs no syncing.
Status sync_folder(const fs::path& folder, const std::string& what) {
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.valid()) return is_absent(errno) ? Status() : write_error(what, errno);
  // Some file systems refuse to sync a folder (EINVAL): what is in it is then as durable as they can make it.
  if (::fsync(file.get()) != 0 && errno != EINVAL) return write_error(what, errno);
  return {};
}

// Makes the folders from root down to folder that are missing, each durable in its parent.
Status make_folders(const fs::path& root, const fs::path& folder, const std::string& what) {
  if (folder != root) {
    if (::access(folder.c_str(), F_OK) == 0) return {};
    TRY(make_folders(root, folder.parent_path(), what));
  } else if (::access(root.c_str(), F_OK) != 0) {
    std::error_code error;
    fs::create_directories(root, error);
    if (error) return write_error(what + ": " + root.string(), error.value());
  }
  if (::mkdir(folder.c_str(), 0755) == 0) return sync_folder(folder.parent_path(), what);
  // ENOENT: a remove() has just pruned the parent; the caller's rename will tell.
  if (errno == EEXIST || errno == ENOENT) return {};
  if (errno == ENOTDIR) return fatal_error(what + ": a part of the key is an object already");
  return write_error(what + ": " + folder.string(), errno);
}

// The folder that holds every key with that prefix.
std::string_view folder_of(std::string_view prefix) {
  const size_t slash = prefix.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : prefix.substr(0, slash);
}

// Objects and folders come and go while we look: what is gone is not listed.
Status list_folder(const fs::path& folder, const std::string& folder_key, std::string_view prefix,
                   std::vector<ObjectInfo>& found) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string key = folder_key + entries->path().filename().string();
    const bool inside = key.starts_with(prefix);
    struct stat status{};
    if (!inside && !prefix.starts_with(key + "/")) continue;
    if (::lstat(entries->path().c_str(), &status) != 0) {
      if (is_absent(errno)) continue;
      return read_error(entries->path().string(), errno);
    }
    if (S_ISDIR(status.st_mode)) TRY(list_folder(entries->path(), key + "/", prefix, found));
    if (S_ISREG(status.st_mode) && inside && check_object_key(key)) found.push_back(info_of(key, status));
  }
  if (error && !is_absent(error.value())) return read_error(folder.string(), error.value());
  return {};
}

}  // namespace

FileObjectStore::FileObjectStore(fs::path root, const Clock& clock)
    : root_(absolute_path(root)), clock_(clock) {
  // Without the slash at its end: remove() climbs until it meets exactly this path.
  if (!root_.has_filename()) root_ = root_.parent_path();
}

fs::path FileObjectStore::path_of(std::string_view bucket, std::string_view key) const {
  return root_ / bucket / key;
}

Result<std::optional<ObjectInfo>> FileObjectStore::head(std::string_view bucket, std::string_view key) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  struct stat status{};
  if (::lstat(path_of(bucket, key).c_str(), &status) != 0) {
    if (is_absent(errno)) return std::nullopt;
    return read_error(named(bucket, key), errno);
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return info_of(key, status);
}

Result<Bytes> FileObjectStore::get(std::string_view bucket, std::string_view key, uint64_t max_bytes) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  TRY_ASSIGN(const OpenObject object, open_object(path_of(bucket, key), bucket, key));
  TRY(check_object_size(bucket, key, object.size_bytes, max_bytes));
  return read_object(object, {0, object.size_bytes}, bucket, key);
}

Status FileObjectStore::get_pieces(std::string_view bucket, std::string_view key, uint64_t max_bytes,
                                   const PieceSink& sink) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  TRY_ASSIGN(const OpenObject object, open_object(path_of(bucket, key), bucket, key));
  TRY(check_object_size(bucket, key, object.size_bytes, max_bytes));
  for (uint64_t begin = 0; begin < object.size_bytes; begin += kPieceBytes) {
    const uint64_t end = std::min(begin + kPieceBytes, object.size_bytes);
    TRY_ASSIGN(const Bytes piece, read_object(object, {begin, end}, bucket, key));
    TRY(sink(piece));
  }
  return {};
}

Result<Bytes> FileObjectStore::get_range(std::string_view bucket, std::string_view key,
                                         ByteRange range) const {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  TRY_ASSIGN(const OpenObject object, open_object(path_of(bucket, key), bucket, key));
  TRY(check_object_range(bucket, key, range, object.size_bytes));
  return read_object(object, range, bucket, key);
}

Result<std::vector<ObjectInfo>> FileObjectStore::list(std::string_view bucket,
                                                      std::string_view prefix) const {
  TRY(check_bucket_name(bucket));
  TRY(check_key_prefix(prefix));
  const std::string_view folder_key = folder_of(prefix);
  const fs::path folder = folder_key.empty() ? root_ / bucket : path_of(bucket, folder_key);
  std::vector<ObjectInfo> found;
  TRY(list_folder(folder, folder_key.empty() ? "" : std::string(folder_key) + "/", prefix, found));
  std::ranges::sort(found, {}, &ObjectInfo::key);
  return found;
}

Status FileObjectStore::put(std::string_view bucket, std::string_view key, ByteView content) {
  return put_pieces(bucket, key, content.size(), [&](const auto& sink) { return sink(content); });
}

Status FileObjectStore::put_pieces(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                   const ContentWriter& write) {
  TRY(write_object(bucket, key, size_bytes, write, false));
  return {};
}

Result<bool> FileObjectStore::put_if(std::string_view bucket, std::string_view key, ByteView content,
                                     const PutCondition& condition) {
  if (!condition.version.empty()) return ObjectStore::put_if(bucket, key, content, condition);
  TRY_ASSIGN(
      const bool is_new,
      write_object(bucket, key, content.size(), [&](const auto& sink) { return sink(content); }, true));
  if (is_new) return true;
  return has_content(bucket, key, content);
}

Result<bool> FileObjectStore::write_object(std::string_view bucket, std::string_view key, uint64_t size_bytes,
                                           const ContentWriter& write, bool only_new) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  TRY(prepare_once());
  const std::string what = named(bucket, key);
  // Whoever has only looked whether a store can be written to takes it away again.
  TRY(make_folders(root_, temporary_folder(), what));
  TRY_ASSIGN(const TemporaryFile temporary, make_temporary(temporary_folder(), what));
  Status status = fill_temporary(temporary, size_bytes, write, bucket, key);
  // The time is taken when the content is whole: what is still being written at the end of the put window is
  // late.
  if (status) status = finish_temporary(temporary, clock_.now_ms(), what);
  const Result<bool> moved =
      status ? move_into_place(temporary.path, bucket, key, only_new) : std::unexpected(status.error());
  if (!moved || !*moved) ::unlink(temporary.path.c_str());
  return moved;
}

Result<bool> FileObjectStore::move_into_place(const fs::path& temporary, std::string_view bucket,
                                              std::string_view key, bool only_new) {
  const std::string what = named(bucket, key);
  const fs::path target = path_of(bucket, key);
  std::error_code ignored;
  for (int attempt = 0; attempt < kPlacingAttempts; ++attempt) {
    TRY(make_folders(root_, target.parent_path(), what));
    if (rename_to(temporary, target, only_new) == 0) {
      TRY(sync_folder(target.parent_path(), what));
      return true;
    }
    if (errno == EEXIST && only_new && !fs::is_directory(target, ignored)) return false;
    if (errno == ENOTDIR) return fatal_error(what + ": a part of the key is an object already");
    if ((errno == EISDIR || (errno == EEXIST && only_new)) && ::rmdir(target.c_str()) == 0)
      continue;  // an empty folder that a killed writer left
    if (errno == ENOTEMPTY || errno == EEXIST || errno == EISDIR) {
      return fatal_error(what + ": there are objects under " + std::string(key) + "/");
    }
    // A remove() has pruned the folder between making it and the rename: it is made again.
    if (errno != ENOENT) return write_error(what, errno);
  }
  return retry_error(what + ": its folder was removed again and again");
}

Status FileObjectStore::remove(std::string_view bucket, std::string_view key) {
  TRY(check_bucket_name(bucket));
  TRY(check_object_key(key));
  const fs::path path = path_of(bucket, key);
  // EISDIR: a folder is no object.
  if (::unlink(path.c_str()) != 0) {
    if (is_absent(errno) || errno == EISDIR) return {};
    return write_error(named(bucket, key), errno);
  }
  TRY(sync_folder(path.parent_path(), named(bucket, key)));
  // rmdir removes only what is empty, so this ends at the first folder that is still in use.
  for (fs::path folder = path.parent_path(); folder != root_ && ::rmdir(folder.c_str()) == 0;)
    folder = folder.parent_path();
  return {};
}

Status FileObjectStore::prepare_once() {
  const MutexLock lock(mutex_);
  if (prepared_) return {};
  TRY(make_folders(root_, temporary_folder(), "object store"));
  TRY(sweep_temporary_files(kSweepAgeSeconds));
  prepared_ = true;
  return {};
}

Result<int> FileObjectStore::sweep_temporary_files(int64_t older_than_seconds) {
  TRY(make_folders(root_, temporary_folder(), "object store"));
  // The file system's own time: modification times are the clock's, which may be a virtual one, so the change
  // time counts.
  TRY_ASSIGN(const TemporaryFile probe, make_temporary(temporary_folder(), "object store"));
  struct stat now{};
  const bool known = ::fstat(probe.file.get(), &now) == 0;
  ::unlink(probe.path.c_str());
  if (!known) return write_error("object store: " + temporary_folder().string(), errno);
  int removed = 0;
  std::error_code error;
  for (fs::directory_iterator entry(temporary_folder(), error), end; !error && entry != end;
       entry.increment(error)) {
    struct stat status{};
    if (::lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (to_ms(status.st_ctim) > to_ms(now.st_ctim) - older_than_seconds * 1000) continue;
    if (::unlink(entry->path().c_str()) == 0) ++removed;
  }
  return removed;
}

std::string key_of_folder(const fs::path& folder, int parts) {
  std::string key = folder.filename().string();
  fs::path above = folder.parent_path();
  for (int i = 1; i < parts; ++i) {
    key = above.filename().string() + "/" + key;
    above = above.parent_path();
  }
  return key;
}

}  // namespace templar
