// Sources as the rules read them: without comments, as lines or as words.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace templar::testing {

// The text with comments, and the contents of literals unless they are kept, replaced by spaces. Every line
// stays where it is.
[[nodiscard]] std::string code_of(std::string_view text, bool keep_literals);

// Without their newlines.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

// The numbers, from 1, of the lines on which a raw string literal begins, goes on or ends.
[[nodiscard]] std::set<size_t> raw_literal_lines_of(std::string_view text);

[[nodiscard]] bool is_word_character(char c);

struct Token {
  size_t line = 0;  // from 1
  std::string text;
};

// The words of the code, and every other character that is no space as a token of its own. Comments and the
// contents of literals are left out.
[[nodiscard]] std::vector<Token> tokens_of(std::string_view text);

}  // namespace templar::testing
