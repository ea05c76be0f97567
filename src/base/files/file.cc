#include "base/files/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/files/descriptor.h"
#include "base/files/file_writer.h"
#include "base/files/system_error.h"

namespace templar {
namespace {

constexpr size_t kFirstRead = 4096;
constexpr size_t kMostFromADevice = size_t{64} << 20;

}  // namespace

std::unexpected<Error> file_error(const std::filesystem::path& path, int error) {
  return system_error(path.string(), error);
}

bool is_there(const std::filesystem::path& path) {
  std::error_code unknown;
  return std::filesystem::exists(path, unknown);
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  std::error_code unknown;
  const std::filesystem::path absolute = std::filesystem::absolute(path, unknown);
  return (unknown ? path : absolute).lexically_normal();
}

Result<Bytes> read_file(const std::filesystem::path& path, size_t at_most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(path, errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return file_error(path, errno);
  if (S_ISDIR(info.st_mode)) return file_error(path, EISDIR);
  // A device may give bytes for ever (/dev/zero).
  const size_t max_bytes = S_ISCHR(info.st_mode) ? std::min(at_most, kMostFromADevice) : at_most;
  // Pipes and the kernel's own files say that they have no bytes: the end is where reading ends.
  Bytes content;
  size_t size = 0;
  for (;;) {
    if (size > max_bytes || static_cast<uint64_t>(info.st_size) > max_bytes) {
      return fatal_error(fmt::format(
          "{}: {} bytes, at most {} are allowed", path.string(),
          size > max_bytes ? fmt::format("more than {}", max_bytes) : std::to_string(info.st_size),
          max_bytes));
    }
    // One byte more than a regular file is said to have, so that its end is found without growing.
    if (size == content.size())
      content.resize(std::max(static_cast<size_t>(info.st_size) + 1, size + std::max(size, kFirstRead)));
    const ssize_t count = ::read(file.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return file_error(path, errno);
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  content.resize(size);
  return content;
}

Status write_file_atomically(const std::filesystem::path& path, ByteView content) {
  TRY_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::create(path));
  TRY(writer.append(content));
  return writer.commit();
}

Status make_folder(const std::filesystem::path& path) {
  if (path.empty()) return {};  // what a bare file name has for a folder: the one that we are in
  std::error_code error;
  bool made = std::filesystem::create_directory(path, error);
  if (error == std::errc::no_such_file_or_directory && path.has_parent_path()) {
    TRY(make_folder(path.parent_path()));
    made = std::filesystem::create_directory(path, error);
  }
  if (error == std::errc::file_exists) return file_error(path, ENOTDIR);  // something else has the name
  if (error) return file_error(path, error.value());
  if (!made) return {};
  return sync_path(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

Result<std::vector<std::filesystem::path>> entries_of(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> entries;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    entries.push_back(entry->path());
  if (error) return file_error(folder, error.value());
  std::ranges::sort(entries);
  return entries;
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
