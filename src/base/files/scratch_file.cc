#include "base/files/scratch_file.h"
#include "base/files/system_error.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace templar {
namespace {

// /var/tmp lies on a disk, where /tmp is often memory.
constexpr const char* kFolders[] = {"/var/tmp", "/tmp"};

std::unexpected<Error> scratch_error(int error) {
  return system_error("temporary file in /var/tmp or /tmp", error);
}

}  // namespace

Result<ScratchFile> ScratchFile::create() {
  int failure = 0;
  for (const char* folder : kFolders) {
    Descriptor nameless(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (nameless.valid()) return ScratchFile(std::move(nameless));
    // A file system without nameless files: a name for a moment.
    std::string name = std::string(folder) + "/templar-XXXXXX";
    Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
    if (named.valid()) {
      ::unlink(name.c_str());
      return ScratchFile(std::move(named));
    }
    failure = errno;
  }
  return scratch_error(failure);
}

Status ScratchFile::append(ByteView piece) {
  if (const int failure = write_all(file_.get(), piece); failure != 0) return scratch_error(failure);
  size_bytes_ += piece.size();
  return {};
}

Result<ByteView> ScratchFile::map() {
  if (size_bytes_ == 0) return ByteView();
  const auto size = static_cast<size_t>(size_bytes_);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  if (address == MAP_FAILED) return scratch_error(errno);
  mapping_ = std::shared_ptr<const void>(
      address, [size](const void* start) { ::munmap(const_cast<void*>(start), size); });
  return ByteView(static_cast<const uint8_t*>(address), size);
}

Result<SharedBytes> ScratchFile::share() {
  TRY_ASSIGN(const ByteView mapped, map());
  return SharedBytes(mapped, mapping_);
}

Result<SharedBytes> move_to_scratch_file(ByteView bytes) {
  TRY_ASSIGN(ScratchFile file, ScratchFile::create());
  TRY(file.append(bytes));
  return file.share();
}

}  // namespace templar
