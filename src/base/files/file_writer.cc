#include "base/files/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "base/check.h"
#include "base/files/file.h"

namespace templar {
Result<AtomicFileWriter> AtomicFileWriter::create(const std::filesystem::path& target) {
  static std::atomic<uint64_t> counter{0};
  std::filesystem::path temporary =
      target.string() + "." + std::to_string(::getpid()) + "." + std::to_string(counter++) + ".part.tmp";
  // A file of that name can only be the rest of a dead process that had the same number.
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) return file_error(target, errno);
  return AtomicFileWriter(target, std::move(temporary), std::move(file));
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

Status AtomicFileWriter::commit() {
  CHECK(file_.valid());
  if (::fsync(file_.get()) != 0) return file_error(target_, errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) return file_error(target_, errno);
  file_ = Descriptor();
  return sync_path(target_.has_parent_path() ? target_.parent_path() : std::filesystem::path("."));
}

}  // namespace templar
