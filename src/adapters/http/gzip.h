// gzip of whole buffers.
#pragma once

#include "base/bytes.h"

namespace templar {

// Fast rather than small: a batch is sent once.
[[nodiscard]] Bytes gzip(std::string_view text);

// Fails (skip) on anything but one whole gzip member, or one that holds more than max_bytes.
[[nodiscard]] Result<std::string> gunzip(ByteView bytes, size_t max_bytes);

}  // namespace templar
