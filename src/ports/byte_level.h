// The alphabet of byte-level BPE (GPT-2's and all that follow it): a printable character for each byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace templar {

// UTF-8. The printable bytes of Latin-1 stand for themselves, the others get the code points from 256 on, in
// the order of the bytes.
[[nodiscard]] std::string byte_level_character(uint8_t byte);

// The bytes that a text in this alphabet stands for; nullopt if a character of it is of another.
[[nodiscard]] std::optional<std::string> byte_level_bytes(std::string_view text);

}  // namespace templar
