// tokenizer.json's decoder: tokens become text again.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {

// Immutable; any thread.
class TokenDecoder {
 public:
  // The token `never` is left out of every text.
  TokenDecoder(const TokenizerJson& tokenizer, uint32_t never);

  // Bytes as the tokens have them: a character whose tokens are not all there is no valid UTF-8. Ids without
  // a token are left out.
  [[nodiscard]] std::string decode(std::span<const uint32_t> ids) const;

  // By id, the bytes that it has in a text, but at the beginning of one.
  [[nodiscard]] std::vector<uint32_t> sizes() const;

 private:
  std::vector<std::string> texts_;  // by id, empty where there is no token; bytes if all that is done is that
  std::vector<TokenizerJson::Decoder> steps_;  // what is done to them
  std::string_view between_;                   // the texts
};

}  // namespace templar
