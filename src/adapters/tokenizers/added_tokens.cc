#include "adapters/tokenizers/added_tokens.h"

#include <algorithm>

#include "adapters/tokenizers/text_normalizer.h"

namespace templar {

void AddedTokens::add(const TokenizerJson::AddedToken& token, std::string_view content) {
  if (content.empty()) return;
  begins_[static_cast<uint8_t>(content.front())] = true;
  size_t node = 0;
  for (const char byte : content) {
    const auto [next, is_new] = nodes_[node].next.emplace(byte, static_cast<uint32_t>(nodes_.size()));
    node = next->second;
    if (is_new) nodes_.emplace_back();
  }
  // Of two tokens that look alike once they are normalized the first one counts.
  if (!nodes_[node].token)
    nodes_[node].token = Token{token.id, token.single_word, token.lstrip, token.rstrip};
}

AddedTokens::Match AddedTokens::longest_at(std::string_view text) const {
  Match match;
  size_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto next = nodes_[node].next.find(text[i]);
    if (next == nodes_[node].next.end()) break;
    node = next->second;
    if (nodes_[node].token) match = {&*nodes_[node].token, i + 1};
  }
  return match;
}

std::vector<AddedTokens::Section> AddedTokens::cut(std::string_view text) const {
  std::vector<Section> sections;
  size_t done = 0;
  size_t at = 0;
  while (at < text.size()) {
    const Match match = begins_[static_cast<uint8_t>(text[at])] ? longest_at(text.substr(at)) : Match{};
    if (match.token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at;
    size_t end = at + match.size;
    at = end;
    if (match.token->single_word && (is_word_character(last_character(text.substr(0, begin))) ||
                                     is_word_character(first_character(text.substr(end)))))
      continue;
    if (match.token->lstrip) begin -= trailing_space_bytes(text.substr(0, begin));
    if (match.token->rstrip) end += leading_space_bytes(text.substr(end));
    // Space that an earlier token took along is no longer there.
    begin = std::max(begin, done);
    if (end <= begin) continue;
    if (done < begin) sections.push_back({text.substr(done, begin - done), std::nullopt});
    sections.push_back({text.substr(begin, end - begin), match.token->id});
    done = end;
  }
  if (done < text.size()) sections.push_back({text.substr(done), std::nullopt});
  return sections;
}

}  // namespace templar
