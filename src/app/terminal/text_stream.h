// The text of tokens that come one by one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ports/tokenizer.h"

namespace templar {

// Gives out text as soon as its characters are whole: a character's bytes may come as several tokens. All
// that it gave out together is what decode makes of all tokens after those of the prompt. Not thread-safe;
// the tokenizer must outlive it.
class TextStream {
 public:
  TextStream(const Tokenizer& tokenizer, std::span<const uint32_t> prompt);
  // The text that this token completes; may be empty.
  [[nodiscard]] std::string append(uint32_t token);
  // What is left of a character that was never completed.
  [[nodiscard]] std::string finish();

 private:
  [[nodiscard]] std::string pending() const;

  const Tokenizer& tokenizer_;
  // The last tokens whose text was given out (a token's text can depend on what is before it), then those
  // whose text was not.
  std::vector<uint32_t> window_;
  size_t given_;
};

}  // namespace templar
