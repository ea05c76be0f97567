// Plain file descriptors for those who need more of a file than base/files/file.h gives.
#pragma once

#include <utility>

#include "base/bytes.h"

namespace templar {

// Owns a descriptor; a negative value owns nothing.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  [[nodiscard]] int get() const { return value_; }
  [[nodiscard]] bool valid() const { return value_ >= 0; }

 private:
  int value_ = -1;
};

// Writes everything at the descriptor's position. Returns 0, or the errno of the first write that failed.
[[nodiscard]] int write_all(int file, ByteView content);

// The same at that offset.
[[nodiscard]] int write_at(int file, uint64_t offset, ByteView content);

// Lets the disk begin with what was written there, where the range is large enough to be worth it: a sync at
// the end then finds little left to do. A hint, without promises.
void begin_writeback(int file, uint64_t offset, uint64_t size_bytes);

// Lets the disk fetch all of what is about to be read there. A hint, without promises.
void begin_reading(int file, uint64_t offset, uint64_t size_bytes);

// Fills the whole buffer from that offset. Returns 0 and the number of bytes read, fewer at the file's end;
// or the errno.
struct ReadOutcome {
  int error = 0;
  size_t size = 0;
};
[[nodiscard]] ReadOutcome read_at(int file, uint64_t offset, std::span<uint8_t> out);

}  // namespace templar
