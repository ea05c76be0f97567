#include "base/files/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

#include "base/files/descriptor.h"

namespace templar {
namespace {

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
  static std::atomic<uint64_t> counter{0};
  return path.string() + "." + std::to_string(::getpid()) + "." + std::to_string(counter++) + ".tmp";
}

}  // namespace

std::unexpected<Error> file_error(const std::filesystem::path& path, int error) {
  return fatal_error(path.string() + ": " + std::generic_category().message(error));
}

bool is_there(const std::filesystem::path& path) {
  std::error_code unknown;
  return std::filesystem::exists(path, unknown);
}

Result<Bytes> read_file(const std::filesystem::path& path, size_t max_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(path, errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return file_error(path, errno);
  if (S_ISDIR(info.st_mode)) return file_error(path, EISDIR);
  const auto size = static_cast<size_t>(info.st_size);
  if (size > max_bytes) {
    return fatal_error(path.string() + ": " + std::to_string(size) + " bytes, at most " +
                       std::to_string(max_bytes) + " are allowed");
  }
  Bytes content(size);
  size_t position = 0;
  while (position < size) {
    const ssize_t count = ::read(file.get(), content.data() + position, size - position);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error(path, errno);
    if (count == 0) break;
    position += static_cast<size_t>(count);
  }
  content.resize(position);
  return content;
}

Status write_file_atomically(const std::filesystem::path& path, ByteView content) {
  const std::filesystem::path temporary = temporary_beside(path);
  int failure = 0;
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file.get() < 0) return file_error(path, errno);
    failure = write_all(file.get(), content);
    if (failure == 0 && ::fsync(file.get()) != 0) failure = errno;
  }
  if (failure == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) failure = errno;
  if (failure != 0) {
    ::unlink(temporary.c_str());
    return file_error(path, failure);
  }
  return sync_path(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

Status make_folder(const std::filesystem::path& path) {
  if (path.empty()) return {};  // what a bare file name has for a folder: the one that we are in
  std::error_code error;
  bool made = std::filesystem::create_directory(path, error);
  if (error == std::errc::no_such_file_or_directory && path.has_parent_path()) {
    TRY(make_folder(path.parent_path()));
    made = std::filesystem::create_directory(path, error);
  }
  if (error) return fatal_error(path.string() + ": " + error.message());
  if (!made) return {};
  return sync_path(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

Status sync_path(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(path, errno);
  // Some file systems refuse to sync a folder (EINVAL); the rename is then as durable as they can make it.
  if (::fsync(file.get()) != 0 && errno != EINVAL) return file_error(path, errno);
  return {};
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(path, errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return file_error(path, errno);
  if (!S_ISREG(info.st_mode)) return fatal_error(path.string() + ": not a regular file");
  MappedFile mapped;
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return mapped;
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) return file_error(path, errno);
  mapped.mapping_ = std::shared_ptr<const void>(
      address, [size](const void* start) { ::munmap(const_cast<void*>(start), size); });
  mapped.bytes_ = {static_cast<const uint8_t*>(address), size};
  return mapped;
}

}  // namespace templar
