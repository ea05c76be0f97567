// Reading large parts of large files.
#pragma once

#include "base/files/descriptor.h"

namespace templar {

inline constexpr uint64_t kLargeReadAlignment = 4096;

// As read_at, for a descriptor that no other call uses at the time. What the system does not have in memory
// the disk writes straight to out, if it can (it always can where offset and address are alike modulo
// kLargeReadAlignment): nothing is copied, and nothing that others need is driven out of memory.
[[nodiscard]] ReadOutcome read_large(int file, uint64_t offset, std::span<uint8_t> out);

}  // namespace templar
