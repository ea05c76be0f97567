// The wire format of protocol buffers, field by field.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace templar {

enum class WireType : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct ProtobufField {
  uint32_t number = 0;
  WireType type = WireType::kVarint;
  uint64_t value = 0;  // of a varint, fixed64 or fixed32
  ByteView bytes;      // of kBytes: into the message that is read
};

// Reads a message that it does not own.
class ProtobufReader {
 public:
  explicit ProtobufReader(ByteView message) : rest_(message) {}
  // nullopt at the end. Fails (skip) on a message that ends inside a field, a number beyond 64 bits, the
  // field number 0, groups and wire types that don't exist.
  [[nodiscard]] Result<std::optional<ProtobufField>> next();

 private:
  [[nodiscard]] Result<uint64_t> varint();
  [[nodiscard]] Result<ByteView> take(uint64_t size);

  ByteView rest_;
};

}  // namespace templar
