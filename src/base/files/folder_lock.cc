#include "base/files/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "base/files/system_error.h"

namespace templar {

namespace {

// Whoever waits for the other process' end must not wait for a disk.
std::unexpected<Error> unusable(const std::filesystem::path& path, int error) {
  return fatal_error(path.string() + ": " + system_message(error));
}

Result<Descriptor> lock_file(const std::filesystem::path& folder, const char* name, int flags,
                             int operation) {
  const std::filesystem::path path = folder / name;
  Descriptor file(::open(path.c_str(), O_RDWR | flags, 0644));
  if (!file.valid() && errno == ENOENT && (flags & O_CREAT) == 0) return file;
  if (!file.valid()) return unusable(path, errno);
  if (::flock(file.get(), operation | LOCK_NB) == 0) return file;
  if (errno == EWOULDBLOCK) return retry_error(folder.string() + ": another process works in this folder");
  return unusable(path, errno);
}

}  // namespace

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder, LockScope scope) {
  const int inheritance = scope == LockScope::kProcess ? O_CLOEXEC : 0;
  TRY_ASSIGN(Descriptor file, lock_file(folder, kFileName, O_CREAT | inheritance, LOCK_EX));
  return FolderLock(std::move(file));
}

Result<FolderLock> FolderLock::take_parts(const std::filesystem::path& folder) {
  TRY_ASSIGN(Descriptor file, lock_file(folder, kPartsFileName, O_CREAT | O_CLOEXEC, LOCK_EX));
  return FolderLock(std::move(file));
}

Result<FolderLock> FolderLock::share_parts(const std::filesystem::path& folder) {
  TRY_ASSIGN(Descriptor file, lock_file(folder, kPartsFileName, O_CLOEXEC, LOCK_SH));
  return FolderLock(std::move(file));
}

}  // namespace templar
