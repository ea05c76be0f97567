// Characters that Unicode has had since PCRE2 learnt it: Debian 12's knows Unicode 14, tokenizers count in
// Unicode 16.
#pragma once

#include <string>
#include <string_view>

namespace templar {

// What Unicode 15 and 16 have added to a general category ("L", "Lo", "L&"), as ranges for a class in a
// regular expression ("\x{897}\x{10EFC}-\x{10EFF}"). Nothing for another name.
[[nodiscard]] std::string new_characters(std::string_view category);

// The small form of a capital letter that came with Unicode 16 or 17, which is what the library's own letters
// are; 0 for any other character.
[[nodiscard]] char32_t new_small_letter(char32_t capital);

}  // namespace templar
