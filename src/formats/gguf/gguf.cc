#include "formats/gguf/gguf.h"

#include <algorithm>

namespace templar {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr uint32_t kVersion = 3;

// Types of metadata values.
enum ValueType : uint32_t { kInt32 = 5, kUint32 = 4, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9 };

// Types of tensors, as ggml numbers them.
uint32_t ggml_type(NumberType type) {
  switch (type) {
    case NumberType::kF32:
      return 0;
    case NumberType::kF16:
      return 1;
    case NumberType::kBf16:
      return 30;
  }
  return 0;
}

void put_string(ByteWriter& writer, std::string_view text) {
  writer.put<uint64_t>(text.size());
  writer.put_bytes(as_bytes(text));
}

}  // namespace

void GgufMetadata::begin(std::string_view key, uint32_t type) {
  ++count_;
  put_string(writer_, key);
  writer_.put(type);
}

void GgufMetadata::begin_array(std::string_view key, uint32_t element_type, uint64_t size) {
  begin(key, kArray);
  writer_.put(element_type);
  writer_.put(size);
}

void GgufMetadata::put_u32(std::string_view key, uint32_t value) {
  begin(key, kUint32);
  writer_.put(value);
}

void GgufMetadata::put_f32(std::string_view key, float value) {
  begin(key, kFloat32);
  writer_.put(value);
}

void GgufMetadata::put_bool(std::string_view key, bool value) {
  begin(key, kBool);
  writer_.put<uint8_t>(value ? 1 : 0);
}

void GgufMetadata::put_text(std::string_view key, std::string_view value) {
  begin(key, kString);
  put_string(writer_, value);
}

void GgufMetadata::put_texts(std::string_view key, std::span<const std::string> values) {
  begin_array(key, kString, values.size());
  for (const std::string& value : values) put_string(writer_, value);
}

void GgufMetadata::put_f32s(std::string_view key, std::span<const float> values) {
  begin_array(key, kFloat32, values.size());
  writer_.put_bytes(as_bytes(values));
}

void GgufMetadata::put_i32s(std::string_view key, std::span<const int32_t> values) {
  begin_array(key, kInt32, values.size());
  writer_.put_bytes(as_bytes(values));
}

uint64_t GgufTensor::size_bytes() const {
  uint64_t size = bytes_of(type);
  for (const int64_t dimension : shape) size *= dimension;
  return size;
}

uint64_t gguf_padding(uint64_t bytes) {
  return (kGgufAlignment - bytes % kGgufAlignment) % kGgufAlignment;
}

Bytes gguf_header(const GgufMetadata& metadata, std::span<const GgufTensor> tensors) {
  ByteWriter writer;
  writer.put_bytes(as_bytes(kMagic));
  writer.put(kVersion);
  writer.put<uint64_t>(tensors.size());
  writer.put(metadata.count());
  writer.put_bytes(metadata.bytes());
  uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    put_string(writer, tensor.name);
    writer.put<uint32_t>(tensor.shape.size());
    // The dimension whose neighbours lie side by side comes first.
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) writer.put<uint64_t>(*size);
    writer.put(ggml_type(tensor.type));
    writer.put(offset);
    offset += tensor.size_bytes() + gguf_padding(tensor.size_bytes());
  }
  const Bytes zeros(gguf_padding(writer.size()), 0);
  writer.put_bytes(zeros);
  return writer.take();
}

}  // namespace templar
