#include "ports/byte_level.h"

#include <array>

#include "base/utf8.h"

namespace templar {
namespace {

bool stands_for_itself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
}

// By code point, of which the alphabet's are all below 512; -1 for a character that is none of them.
std::array<int, 512> bytes_of_characters() {
  std::array<int, 512> bytes{};
  bytes.fill(-1);
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const std::string character = byte_level_character(static_cast<uint8_t>(byte));
    const auto unit = [&](size_t i) { return static_cast<uint8_t>(character[i]); };
    const uint32_t code_point =
        character.size() == 1 ? unit(0) : ((unit(0) & 0x1fU) << 6) | (unit(1) & 0x3fU);
    bytes.at(code_point) = static_cast<int>(byte);
  }
  return bytes;
}

}  // namespace

std::string byte_level_character(uint8_t byte) {
  uint32_t code_point = byte;
  if (!stands_for_itself(byte)) {
    code_point = 256;
    for (uint32_t earlier = 0; earlier < byte; ++earlier) code_point += stands_for_itself(earlier) ? 0 : 1;
  }
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xc0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3f))};
}

std::optional<std::string> byte_level_bytes(std::string_view text) {
  static const std::array<int, 512> kBytes = bytes_of_characters();
  std::string bytes;
  while (!text.empty()) {
    const size_t size = utf8_character_size(text);
    const auto unit = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    if (size != 1 && size != 2) return std::nullopt;
    const uint32_t code_point = size == 1 ? unit(0) : ((unit(0) & 0x1fU) << 6) | (unit(1) & 0x3fU);
    if (code_point >= kBytes.size() || kBytes[code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(kBytes[code_point]);
    text.remove_prefix(size);
  }
  return bytes;
}

}  // namespace templar
