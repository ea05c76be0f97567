// NumPy's .npy files (format versions 1.0 to 3.0), as far as shards need them: little-endian integers in C
// order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/files/file.h"

namespace templar {

struct NpyHeader {
  std::string dtype;            // as written: "<u4", "<u8"
  std::vector<uint64_t> shape;  // at most 8 dimensions
  uint64_t count = 0;           // product of the shape
  size_t data_offset = 0;       // bytes before the values
};

// The only parser of .npy headers. Fails (fatal) on anything but: the magic, a known version, a header that
// fits, exactly the keys descr, fortran_order (False) and shape. Allocates no more than the header's size.
// Says nothing about the values.
[[nodiscard]] Result<NpyHeader> parse_npy_header(ByteView file);

// A header of a flat array (dtype "<u4" or "<u8"), always kNpyHeaderSize bytes whatever the count, so that it
// can be rewritten in place.
inline constexpr size_t kNpyHeaderSize = 128;
[[nodiscard]] Bytes make_npy_header(std::string_view dtype, uint64_t count);

// A mapped flat view of a file's values.
template <typename T>
struct NpyArray {
  MappedFile file;
  std::span<const T> values;
};

// Fails (fatal), naming the file, unless it holds exactly this type and its size fits its shape. Any shape is
// read flat.
[[nodiscard]] Result<NpyArray<uint32_t>> open_npy_u32(const std::filesystem::path& path);
[[nodiscard]] Result<NpyArray<uint64_t>> open_npy_u64(const std::filesystem::path& path);

}  // namespace templar
