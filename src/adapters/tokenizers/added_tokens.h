// Tokens that are looked for in a text before anything else.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {

// Immutable; any thread.
class AddedTokens {
 public:
  struct Section {
    std::string_view text;
    std::optional<uint32_t> id;  // of the token that the section is; nullopt: ordinary text
  };

  // Looks for `content` in place of the token's own, which may have been normalized. An empty one is never
  // found.
  void add(const TokenizerJson::AddedToken& token, std::string_view content);

  // The text, valid UTF-8, cut at the leftmost and longest tokens. No section is empty.
  [[nodiscard]] std::vector<Section> cut(std::string_view text) const;

 private:
  struct Token {
    uint32_t id = 0;
    bool single_word = false;
    bool lstrip = false;
    bool rstrip = false;
  };
  struct Node {
    std::map<char, uint32_t> next;
    std::optional<Token> token;  // that ends here
  };
  struct Match {
    const Token* token = nullptr;
    size_t size = 0;
  };

  [[nodiscard]] Match longest_at(std::string_view text) const;

  std::vector<Node> nodes_{1};
  std::array<bool, 256> begins_{};  // whether a token begins with the byte
};

}  // namespace templar
