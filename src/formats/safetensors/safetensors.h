// The safetensors format: 8 bytes of little-endian header length, a JSON header, then the tensors' bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/files/file.h"
#include "core/run/parameter_layout.h"

namespace templar {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // "F32", "BF16", ...
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // offsets into the data, which starts after the header
  uint64_t end = 0;
};

struct SafetensorsHeader {
  uint64_t data_begin = 0;                // offset in the file
  std::vector<SafetensorsEntry> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

inline constexpr uint64_t kSafetensorsPrefixBytes = 8;
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// The header's length in bytes, from the file's first eight. Fails (skip) if there are fewer, or if the
// length is beyond max_header_bytes or the file.
[[nodiscard]] Result<uint64_t> safetensors_header_bytes(
    ByteView first, uint64_t file_bytes, uint64_t max_header_bytes = kMaxSafetensorsHeaderBytes);
// Strict: fails (skip), naming the tensor, on anything that the format does not say, on a name that occurs
// twice, a type that does not exist, a size that type and shape don't give, and on tensors that overlap,
// leave a hole or don't fill the file.
[[nodiscard]] Result<SafetensorsHeader> parse_safetensors_header(ByteView header_json, uint64_t file_bytes);

// A file that is mapped, not read: views last as long as a copy of this.
class MappedSafetensors {
 public:
  // Fails (fatal) if the file can't be opened, otherwise as parse_safetensors_header.
  [[nodiscard]] static Result<MappedSafetensors> open(const std::filesystem::path& path);

  [[nodiscard]] const SafetensorsHeader& header() const { return header_; }
  // entry is one of header().tensors.
  [[nodiscard]] ByteView bytes(const SafetensorsEntry& entry) const;
  // Copies an F32 tensor. Fails (skip) if there is none of that name or it is of another type or shape.
  [[nodiscard]] Status copy_f32(const ParameterInfo& wanted, std::span<float> out) const;

 private:
  MappedFile file_;
  SafetensorsHeader header_;
};

// The entries of the layout's parameters, in its order. Fails (skip), naming the tensor, if the file has
// other names, types or shapes.
[[nodiscard]] Result<std::vector<SafetensorsEntry>> match_layout(const SafetensorsHeader& header,
                                                                 const ParameterLayout& layout);

// The type of a file's elements.
struct SafetensorsType {
  std::string_view name = "F32";
  uint64_t bytes = 4;
};

// Length and header of a file that holds the layout's parameters in its order, padded so that the data
// begins at a multiple of kLargeReadAlignment: a disk then puts a model's matrices straight into their
// memory. Its metadata says {"format": "pt"}, without which Hugging Face does not open it.
[[nodiscard]] Bytes safetensors_header_of(const ParameterLayout& layout, SafetensorsType type = {});
// Hands the whole file to the sink, piece by piece; stops at its first error.
[[nodiscard]] Status write_safetensors(const ParameterLayout& layout, ConstParameterSpans values,
                                       const std::function<Status(ByteView)>& sink);

}  // namespace templar
