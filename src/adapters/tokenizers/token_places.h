// Which bytes of a text its tokens stand for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ports/tokenizer.h"

namespace templar {

// Where each of the ids, which are encode(text), begins in the text; never before the one that it follows.
// sizes: by id, the bytes that it has in a decoded text, but at its beginning. Exact where decoding gives
// back the text. Where the tokenizer changes it, exact to the character with its marks, or else to the word;
// where not even words decode alike, in proportion.
[[nodiscard]] std::vector<size_t> token_begins(const Tokenizer& tokenizer, std::span<const uint32_t> sizes,
                                               std::string_view text, std::span<const uint32_t> ids);

}  // namespace templar
