#include "formats/sentencepiece/protobuf_reader.h"

#include <fmt/format.h>

namespace templar {
namespace {

constexpr uint64_t kMaxFieldNumber = (uint64_t{1} << 29) - 1;
constexpr int kMaxVarintBytes = 10;

uint64_t little_endian(ByteView bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

}  // namespace

Result<uint64_t> ProtobufReader::varint() {
  uint64_t value = 0;
  for (int i = 0; i < kMaxVarintBytes; ++i) {
    TRY_ASSIGN(const ByteView byte, take(1));
    const uint64_t bits = byte[0] & 0x7fU;
    if (i == kMaxVarintBytes - 1 && bits > 1) break;
    value |= bits << (7 * i);
    if ((byte[0] & 0x80U) == 0) return value;
  }
  return skip_error("a number of more than 64 bits");
}

Result<ByteView> ProtobufReader::take(uint64_t size) {
  if (size > rest_.size()) {
    return skip_error(
        fmt::format("ends inside a field: {} bytes are wanted, {} are left", size, rest_.size()));
  }
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

Result<std::optional<ProtobufField>> ProtobufReader::next() {
  if (rest_.empty()) return std::nullopt;
  TRY_ASSIGN(const uint64_t key, varint());
  if (key >> 3 == 0 || key >> 3 > kMaxFieldNumber)
    return skip_error(fmt::format("a field of number {}", key >> 3));
  ProtobufField field{.number = static_cast<uint32_t>(key >> 3), .bytes = {}};
  field.type = static_cast<WireType>(key & 7U);
  switch (field.type) {
    case WireType::kVarint: {
      TRY_ASSIGN(field.value, varint());
      return field;
    }
    case WireType::kFixed64: {
      TRY_ASSIGN(const ByteView bytes, take(sizeof(uint64_t)));
      field.value = little_endian(bytes);
      return field;
    }
    case WireType::kFixed32: {
      TRY_ASSIGN(const ByteView bytes, take(sizeof(uint32_t)));
      field.value = little_endian(bytes);
      return field;
    }
    case WireType::kBytes: {
      TRY_ASSIGN(const uint64_t size, varint());
      TRY_ASSIGN(field.bytes, take(size));
      return field;
    }
  }
  return skip_error(fmt::format("field {} has wire type {}", field.number, key & 7U));
}

}  // namespace templar
