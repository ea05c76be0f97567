// What tokenizer.json's normalizer does to a text.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "adapters/tokenizers/token_pattern.h"
#include "base/result.h"
#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {

// Immutable; any thread.
class TextNormalizer {
 public:
  // Fails (fatal) as TokenPattern::compile does.
  [[nodiscard]] static Result<TextNormalizer> make(std::span<const TokenizerJson::Normalizer> steps);

  // The steps one after the other; the text is valid UTF-8.
  [[nodiscard]] std::string normalized(std::string_view text) const;
  // Whether a text always stays as it is.
  [[nodiscard]] bool does_nothing() const { return steps_.empty(); }

 private:
  struct Replacement {
    TokenPattern pattern;
    std::string content;
  };
  using Step = std::variant<TokenizerJson::UnicodeForm, TokenizerJson::Lowercase, TokenizerJson::Prepend,
                            Replacement, TokenizerJson::Strip>;

  std::vector<Step> steps_;
};

// The text with U+FFFD in place of what is no UTF-8, one for each beginning of a character that breaks off,
// as Rust and Python replace it.
[[nodiscard]] std::string with_replacements(std::string_view text);

// Bytes of white space (Unicode's) that the text begins and ends with.
[[nodiscard]] size_t leading_space_bytes(std::string_view text);
[[nodiscard]] size_t trailing_space_bytes(std::string_view text);

// The character at the text's start and at its end; 0 for an empty text.
[[nodiscard]] char32_t first_character(std::string_view text);
[[nodiscard]] char32_t last_character(std::string_view text);

// Whether the text, which is not empty, begins with a combining mark. It may be no UTF-8.
[[nodiscard]] bool is_mark(std::string_view text);

// Whether it is part of a word (\w of Rust's regular expressions).
[[nodiscard]] bool is_word_character(char32_t character);

}  // namespace templar
