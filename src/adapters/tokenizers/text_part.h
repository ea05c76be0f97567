// A part of a text, encoded together with what stands around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ports/tokenizer.h"

namespace templar {

struct PlacedToken {
  uint32_t id = 0;
  size_t begin = 0;  // of what it stands for, in the text

  bool operator==(const PlacedToken&) const = default;
};
// By their places, ascending.
using PlacedTokens = std::vector<PlacedToken>;

// The first token that begins at the position or behind it.
[[nodiscard]] PlacedTokens::const_iterator first_from(const PlacedTokens& tokens, size_t position);

class TextPart {
 public:
  TextPart(std::string_view before, std::string_view text, std::string_view after);

  // What stands before the part, the part, and what stands behind it.
  [[nodiscard]] const std::string& whole() const { return whole_; }
  // Of the whole's tokens those that begin in the part; a part that begins or ends the whole has all that is
  // there: a tokenizer may add a token to either end.
  [[nodiscard]] EncodedText of(const PlacedTokens& tokens) const;

 private:
  std::string whole_;
  size_t begin_;
  size_t end_;
};

}  // namespace templar
