// A regular expression of tokenizer.json, ready to search with.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {

// A part of a text: matched, or between two matches.
struct TextSpan {
  size_t begin = 0;
  size_t end = 0;
  bool is_match = false;
};

// Immutable; any thread.
class TokenPattern {
 public:
  // Fails (fatal) where the regular expression is none, or means something that can't be had here.
  [[nodiscard]] static Result<TokenPattern> compile(const TokenizerJson::Pattern& pattern);
  TokenPattern(TokenPattern&& other) noexcept;
  TokenPattern& operator=(TokenPattern&& other) noexcept;
  ~TokenPattern();

  // All of the text, valid UTF-8, in its order: the leftmost matches, none within another, and what is
  // between them. A match may be empty. Where a search would take more memory or steps than PCRE2 allows,
  // the rest counts as not matched.
  [[nodiscard]] std::vector<TextSpan> spans(std::string_view text) const;

 private:
  struct Compiled;
  explicit TokenPattern(std::string literal);

  std::string literal_;                 // what is looked for where there is no regular expression
  std::unique_ptr<Compiled> compiled_;  // nullptr for a literal
};

}  // namespace templar
