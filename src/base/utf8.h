// Text whose origin nobody vouches for (UTF-8, RFC 3629).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace templar {

// Bytes of the character that the text, not empty, begins with: no surrogate, nothing overlong. 0 if it is
// none.
[[nodiscard]] size_t utf8_character_size(std::string_view text);

// Whether the byte is one of a character's that is not its first.
[[nodiscard]] constexpr bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

// The text with U+FFFD in place of each byte that is no part of a character.
[[nodiscard]] std::string valid_utf8(std::string_view text);

// A to Z become a to z; all else stays.
[[nodiscard]] std::string ascii_lower(std::string_view text);

}  // namespace templar
