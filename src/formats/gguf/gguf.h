// The GGUF format, version 3, little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): a
// header with typed metadata and a description of each tensor, then the tensors' bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "formats/export/number_type.h"

namespace templar {

// Every tensor's bytes begin at a multiple of this in the data, which itself begins at one in the file.
inline constexpr uint64_t kGgufAlignment = 32;

// Metadata in the order in which it was put. A key is put once.
class GgufMetadata {
 public:
  void put_u32(std::string_view key, uint32_t value);
  void put_f32(std::string_view key, float value);
  void put_bool(std::string_view key, bool value);
  void put_text(std::string_view key, std::string_view value);
  void put_texts(std::string_view key, std::span<const std::string> values);
  void put_f32s(std::string_view key, std::span<const float> values);
  void put_i32s(std::string_view key, std::span<const int32_t> values);

  [[nodiscard]] uint64_t count() const { return count_; }
  [[nodiscard]] ByteView bytes() const { return writer_.view(); }

 private:
  void begin(std::string_view key, uint32_t type);
  void begin_array(std::string_view key, uint32_t element_type, uint64_t size);

  uint64_t count_ = 0;
  ByteWriter writer_;
};

struct GgufTensor {
  std::string name;
  std::vector<int64_t> shape;  // row-major, [rows, columns] or [size], as the parameter has it
  NumberType type = NumberType::kF32;

  [[nodiscard]] uint64_t size_bytes() const;
};

// Everything before the tensors' bytes, padded so that these can follow at once: in this order, each followed
// by gguf_padding of its size.
[[nodiscard]] Bytes gguf_header(const GgufMetadata& metadata, std::span<const GgufTensor> tensors);
// Bytes of zero that bring this many to a multiple of the alignment.
[[nodiscard]] uint64_t gguf_padding(uint64_t bytes);

}  // namespace templar
