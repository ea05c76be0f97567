#include "formats/export/atomic_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// The mode that a folder made the ordinary way would have; mkdtemp's is for its owner alone.
mode_t ordinary_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0777 & ~mask;
}

// Where the file system can't exchange two folders, the old one steps aside first.
Status replace_in_two_steps(const fs::path& temporary, const fs::path& target) {
  const fs::path aside = temporary.string() + ".old";
  if (std::rename(target.c_str(), aside.c_str()) != 0) return file_error(target, errno);
  if (std::rename(temporary.c_str(), target.c_str()) != 0) {
    const int error = errno;
    std::rename(aside.c_str(), target.c_str());
    return file_error(target, error);
  }
  if (std::rename(aside.c_str(), temporary.c_str()) != 0) return file_error(aside, errno);
  return {};
}

}  // namespace

Result<AtomicFolder> AtomicFolder::create(const fs::path& target) {
  const fs::path whole = absolute_path(target);
  const fs::path named = whole.has_filename() ? whole : whole.parent_path();
  TRY(make_folder(named.parent_path()));
  std::string pattern = named.string() + ".tmp-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return file_error(target, errno);
  AtomicFolder folder(named, pattern);
  if (::chmod(pattern.c_str(), ordinary_mode()) != 0) return file_error(target, errno);
  return folder;
}

AtomicFolder::AtomicFolder(AtomicFolder&& other) noexcept
    : target_(std::move(other.target_)), temporary_(std::exchange(other.temporary_, {})) {}

AtomicFolder::~AtomicFolder() {
  if (temporary_.empty()) return;
  std::error_code ignored;  // what can't be removed is left over under a name that says so
  fs::remove_all(temporary_, ignored);
}

Status AtomicFolder::commit() {
  TRY(sync_path(temporary_));
  if (!is_there(target_)) {
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) return file_error(target_, errno);
    temporary_.clear();
    return sync_path(target_.parent_path());
  }
  // The old folder gets the temporary name, under which the destructor removes it.
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0) {
    if (errno != EINVAL && errno != ENOSYS) return file_error(target_, errno);
    TRY(replace_in_two_steps(temporary_, target_));
  }
  return sync_path(target_.parent_path());
}

}  // namespace templar
