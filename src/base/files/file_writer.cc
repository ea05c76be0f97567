#include "base/files/file_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <system_error>

#include "base/check.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as many as Linux itself follows
constexpr std::string_view kTemporaryStart = ".templar-";
constexpr std::string_view kTemporaryEnd = ".tmp";

// The file that the links from `path` on lead to; there need be none yet. A rename would put a file in the
// place of a link, a device or a pipe.
Result<fs::path> target_behind_links(fs::path path) {
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    switch (fs::symlink_status(path, error).type()) {
      case fs::file_type::not_found:
      case fs::file_type::regular:
        return path;
      case fs::file_type::directory:
        return file_error(path, EISDIR);
      case fs::file_type::none:
        return file_error(path, error.value());
      case fs::file_type::symlink: {
        const fs::path next = fs::read_symlink(path, error);
        if (error) return file_error(path, error.value());
        path = path.parent_path() / next;  // an absolute `next` stands alone
        break;
      }
      default:
        return fatal_error(path.string() +
                           ": is a device, a pipe or a socket, and a file can't take its place");
    }
  }
  return file_error(path, ELOOP);
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

}  // namespace

Result<AtomicFileWriter> AtomicFileWriter::create(const fs::path& target) {
  static std::atomic<uint64_t> counter{0};
  TRY_ASSIGN(fs::path file, target_behind_links(target));
  // A short name of its own: one that is made from the target's could be too long for the file system. One
  // that is there is what a dead process of the same number left.
  for (;;) {
    fs::path temporary =
        folder_of(file) / fmt::format("{}{}-{}{}", kTemporaryStart, ::getpid(), counter++, kTemporaryEnd);
    Descriptor descriptor(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (descriptor.valid())
      return AtomicFileWriter(std::move(file), std::move(temporary), std::move(descriptor));
    if (errno != EEXIST) return file_error(target, errno);
  }
}

bool is_unfinished_file(std::string_view name) {
  return name.starts_with(kTemporaryStart) && name.ends_with(kTemporaryEnd);
}

void remove_unfinished_files(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!is_unfinished_file(name)) continue;
    // Whoever still lives may be writing it. Its number is all digits from the start's end on.
    const int writer = std::atoi(name.c_str() + kTemporaryStart.size());
    if (writer > 0 && (::kill(writer, 0) == 0 || errno != ESRCH)) continue;
    std::error_code ignored;  // what can't be removed stays, and harms nobody
    fs::remove(entry->path(), ignored);
  }
}

AtomicFileWriter::~AtomicFileWriter() {
  if (file_.valid()) ::unlink(temporary_.c_str());
}

Status AtomicFileWriter::append(ByteView piece) {
  CHECK(file_.valid());
  if (const int failure = write_all(file_.get(), piece); failure != 0) return file_error(target_, failure);
  begin_writeback(file_.get(), size_bytes_, piece.size());
  size_bytes_ += piece.size();
  return {};
}

Status AtomicFileWriter::write(uint64_t offset, ByteView piece) const {
  CHECK(file_.valid());
  if (const int failure = write_at(file_.get(), offset, piece); failure != 0)
    return file_error(target_, failure);
  begin_writeback(file_.get(), offset, piece.size());
  return {};
}

Status AtomicFileWriter::commit(Durability durability) {
  CHECK(file_.valid());
  const bool syncs = durability == Durability::kPowerCut;
  if (syncs && ::fsync(file_.get()) != 0) return file_error(target_, errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return file_error(target_, errno);
  file_ = Descriptor();
  return syncs ? sync_path(folder_of(target_)) : Status();
}

}  // namespace templar
