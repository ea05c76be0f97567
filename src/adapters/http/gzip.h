// gzip of whole buffers.
#pragma once

#include "base/bytes.h"

namespace templar {

inline constexpr int kFastGzip = 1;
inline constexpr int kSmallGzip = 6;

// Fast rather than small, if nothing else is said: a batch is sent once.
[[nodiscard]] Bytes gzip(std::string_view text, int level = kFastGzip);

// Fails (skip) on anything but one whole gzip member, or one that holds more than max_bytes.
[[nodiscard]] Result<std::string> gunzip(ByteView bytes, size_t max_bytes);

}  // namespace templar
