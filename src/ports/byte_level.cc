#include "ports/byte_level.h"

namespace templar {
namespace {

bool stands_for_itself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
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

}  // namespace templar
