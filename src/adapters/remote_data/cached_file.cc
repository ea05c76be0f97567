#include "adapters/remote_data/cached_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// Whoever had the file locked may have removed it, or put it in another's place, before we got the lock.
bool is_still_at(const Descriptor& file, const fs::path& path) {
  struct stat held{};
  struct stat there{};
  return ::fstat(file.get(), &held) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

// An exclusive lock is held for moments only where the name is that of a whole file.
int lock_shared(int file) {
  int outcome = 0;
  do {
    outcome = ::flock(file, LOCK_SH);
  } while (outcome != 0 && errno == EINTR);
  return outcome;
}

}  // namespace

Result<std::shared_ptr<const CachedFile>> CachedFile::open(const fs::path& path) {
  for (;;) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.valid() && errno == ENOENT) return nullptr;
    if (!file.valid()) return file_error(path, errno);
    if (lock_shared(file.get()) != 0) return file_error(path, errno);
    if (!is_still_at(file, path)) continue;
    ::futimens(file.get(), nullptr);  // of another user's file it stays as it was
    return std::shared_ptr<const CachedFile>(new CachedFile(path, std::move(file)));
  }
}

Result<std::optional<PartFile>> PartFile::take(const fs::path& target) {
  fs::path path = target;
  path += kSuffix;
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid()) return file_error(path, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
    return file_error(path, errno);
  }
  if (!is_still_at(file, path)) return std::nullopt;
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0) return file_error(path, errno);
  return PartFile(target, std::move(path), std::move(file), static_cast<uint64_t>(size));
}

Status PartFile::read(uint64_t offset, std::span<uint8_t> out) const {
  const ReadOutcome outcome = read_at(file_.get(), offset, out);
  if (outcome.error != 0) return file_error(path_, outcome.error);
  if (outcome.size != out.size()) return retry_error(path_.string() + ": became shorter while it was read");
  return {};
}

Status PartFile::append(ByteView piece) {
  if (const int failure = write_at(file_.get(), size_bytes_, piece); failure != 0)
    return file_error(path_, failure);
  begin_writeback(file_.get(), size_bytes_, piece.size());
  size_bytes_ += piece.size();
  return {};
}

Status PartFile::shorten(uint64_t size_bytes) {
  if (::ftruncate(file_.get(), static_cast<off_t>(size_bytes)) != 0) return file_error(path_, errno);
  size_bytes_ = size_bytes;
  return {};
}

Result<std::shared_ptr<const CachedFile>> PartFile::finish() {
  if (::fsync(file_.get()) != 0) return file_error(path_, errno);
  if (::rename(path_.c_str(), target_.c_str()) != 0) return file_error(path_, errno);
  if (lock_shared(file_.get()) != 0) return file_error(target_, errno);
  TRY(sync_path(target_.parent_path()));
  if (!is_still_at(file_, target_)) return nullptr;
  return std::shared_ptr<const CachedFile>(new CachedFile(target_, std::move(file_)));
}

void PartFile::remove() {
  ::unlink(path_.c_str());
}

bool remove_unused(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid() || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  return is_still_at(file, path) && ::unlink(path.c_str()) == 0;
}

}  // namespace templar
