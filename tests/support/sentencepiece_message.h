// SentencePiece model files made by hand, field by field, from the format's public description.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace templar::testing {

inline std::string protobuf_varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string protobuf_number(uint32_t field, uint64_t value) {
  return protobuf_varint(field << 3) + protobuf_varint(value);
}
inline std::string protobuf_bytes(uint32_t field, const std::string& bytes) {
  return protobuf_varint(field << 3 | 2) + protobuf_varint(bytes.size()) + bytes;
}
inline std::string protobuf_float(uint32_t field, float value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return protobuf_varint(field << 3 | 5) + bytes;
}

// ModelProto.pieces: 1 normal, 2 unknown, 3 control, 6 byte.
inline std::string piece_message(const std::string& text, float score, uint64_t type) {
  return protobuf_bytes(1, protobuf_bytes(1, text) + protobuf_float(2, score) + protobuf_number(3, type));
}

// <unk>, <s>, </s>, a byte, "▁", "▁the": BPE with byte fallback and the text taken as it is.
inline std::string sentencepiece_trainer() {
  return protobuf_bytes(2, protobuf_number(3, 2) + protobuf_number(4, 6) + protobuf_number(35, 1));
}
inline std::string sentencepiece_normalizer(const std::string& more = "") {
  return protobuf_bytes(3, protobuf_bytes(1, "identity") + protobuf_number(3, 0) + protobuf_number(4, 0) +
                               protobuf_number(5, 1) + more);
}
inline std::string sentencepiece_pieces() {
  return piece_message("<unk>", 0, 2) + piece_message("<s>", 0, 3) + piece_message("</s>", 0, 3) +
         piece_message("<0x0A>", 0, 6) + piece_message("\u2581", -1, 1) +
         piece_message("\u2581the", -0.5F, 1);
}
inline std::string sentencepiece_message() {
  return sentencepiece_pieces() + sentencepiece_trainer() + sentencepiece_normalizer();
}

}  // namespace templar::testing
