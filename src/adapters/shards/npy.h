// NumPy's .npy files (format versions 1.0 to 3.0), as far as shards need them: integers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/files/file.h"

namespace templar {

struct NpyHeader {
  std::string dtype;              // as written: "<u4", "<u8"
  std::vector<uint64_t> shape;    // at most 8 dimensions
  uint64_t count = 0;             // product of the shape
  bool is_fortran_order = false;  // the first index runs fastest in the file, not the last
  size_t data_offset = 0;         // bytes before the values
};

// The only parser of .npy headers. Fails (fatal) on anything but: the magic, a known version, a header that
// fits, exactly the keys descr, fortran_order and shape. Allocates no more than the header's size.
// Says nothing about the values.
[[nodiscard]] Result<NpyHeader> parse_npy_header(ByteView file);

// A header of a flat array (dtype "<u4" or "<u8"), always kNpyHeaderSize bytes whatever the count, so that it
// can be rewritten in place.
inline constexpr size_t kNpyHeaderSize = 128;
[[nodiscard]] Bytes make_npy_header(std::string_view dtype, uint64_t count);

// A flat view of a file's values: of the mapped file, or of a copy.
template <typename T>
struct NpyArray {
  MappedFile file;
  std::vector<T> copy;
  std::span<const T> values;
};

// Any shape is read flat, in C order. What can be read in place is mapped: aligned little-endian values of
// this type in C order. Integers of other sizes and byte orders, Fortran order and unaligned files are
// copied, which takes memory for all values. Token ids must be in 0 .. 2^32-1; sample ids that are negative
// int64 are taken by their bits. Fails (fatal), naming the file and how to convert it, where it holds no
// integers or a value that does not fit, and where its size does not fit its shape.
[[nodiscard]] Result<NpyArray<uint32_t>> open_npy_u32(const std::filesystem::path& path);
[[nodiscard]] Result<NpyArray<uint64_t>> open_npy_u64(const std::filesystem::path& path);

}  // namespace templar
