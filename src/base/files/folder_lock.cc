#include "base/files/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "base/files/file.h"

namespace templar {

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder, LockScope scope) {
  const std::filesystem::path path = folder / kFileName;
  const int inheritance = scope == LockScope::kProcess ? O_CLOEXEC : 0;
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | inheritance, 0644));
  if (!file.valid()) return file_error(path, errno);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return FolderLock(std::move(file));
  if (errno == EWOULDBLOCK) return retry_error(folder.string() + ": another process works in this folder");
  return file_error(path, errno);
}

}  // namespace templar
