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
  // the file, where it can't be read, a compressed stream is damaged or truncated, or something else
  // follows its end.
  [[nodiscard]] virtual Result<size_t> read(std::span<uint8_t> out) = 0;
  // Bytes taken from the file so far, before decompression.
  [[nodiscard]] virtual uint64_t raw_bytes() const = 0;
};

// The compression is told by the first bytes: gzip (members one after the other, zeros after the last), zstd
// (frames of any window, and such as are skipped, likewise) or none. Fails (fatal) where the file can't be
// opened, or its name ends in .gz, .zst or .zstd, in whatever case, and its content is neither; (skip) where
// it is xz, bzip2, lz4, zip, 7z or Parquet: the message, without the file's name, says what it is and how to
// convert it.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_byte_source(const std::filesystem::path& path);
// Reads descriptor 0; does not close it.
[[nodiscard]] Result<std::unique_ptr<ByteSource>> open_standard_input();

// The name without the ending that says how the file is compressed: .gz, .zst or .zstd, in any case.
[[nodiscard]] std::string without_compression_ending(const std::string& name);

}  // namespace templar
