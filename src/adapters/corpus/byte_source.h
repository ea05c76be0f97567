// A stream of bytes from a file or standard input, decompressed on the way where it is gzip or zstd.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace templar {

// One thread at a time.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills out from the front and returns how much; less than its size only at the end. Fails (fatal), naming
  // the file, where it can't be read or a compressed stream is damaged or truncated.
  [[nodiscard]] virtual Result<size_t> read(std::span<uint8_t> out) = 0;
  // Bytes taken from the file so far, before decompression.
  [[nodiscard]] virtual uint64_t raw_bytes() const = 0;
};

// The compression is told by the first bytes. Fails (fatal) where the file can't be opened, or its name ends
// in .gz or .zst and its content is neither.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_byte_source(const std::filesystem::path& path);
// Reads descriptor 0; does not close it.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_standard_input();

}  // namespace templar
