#include "base/files/descriptor.h"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>

namespace templar {
namespace {

constexpr uint64_t kWorthWritingBack = uint64_t{1} << 20;

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  if (value_ >= 0) ::close(value_);
  value_ = std::exchange(other.value_, -1);
  return *this;
}

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

int write_all(int file, ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content = content.subspan(static_cast<size_t>(written));
  }
  return 0;
}

int write_at(int file, uint64_t offset, ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::pwrite(file, content.data(), content.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content = content.subspan(static_cast<size_t>(written));
    offset += static_cast<uint64_t>(written);
  }
  return 0;
}

void begin_writeback(int file, uint64_t offset, uint64_t size_bytes) {
  if (size_bytes < kWorthWritingBack) return;
  // What it returns is of no use: whether the content is durable, the sync at the end will say.
  (void)::sync_file_range(file, static_cast<off64_t>(offset), static_cast<off64_t>(size_bytes),
                          SYNC_FILE_RANGE_WRITE);
}

void begin_reading(int file, uint64_t offset, uint64_t size_bytes) {
  (void)::posix_fadvise(file, static_cast<off_t>(offset), static_cast<off_t>(size_bytes),
                        POSIX_FADV_WILLNEED);
}

ReadOutcome read_at(int file, uint64_t offset, std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t count =
        ::pread(file, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {errno, done};
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return {0, done};
}

}  // namespace templar
