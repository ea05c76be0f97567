// tokenizer.json's pre_tokenizer: a text cut into the pieces that merges never cross.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "adapters/tokenizers/token_pattern.h"
#include "base/result.h"
#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {

// Pieces of a text, none empty; those that the text itself does not hold are kept here.
struct TextPieces {
  std::vector<std::string_view> pieces;
  std::deque<std::string> own_texts;
};

// Immutable; any thread.
class PreTokenizer {
 public:
  // Fails (fatal) as TokenPattern::compile does.
  [[nodiscard]] static Result<PreTokenizer> make(std::span<const TokenizerJson::PreTokenizer> steps);

  // The text, valid UTF-8, must outlive the pieces. begins_document: whether nothing comes before it.
  [[nodiscard]] TextPieces cut(std::string_view text, bool begins_document) const;

 private:
  struct SplitStep {
    TokenPattern pattern;
    TokenizerJson::SplitBehaviour behaviour;
    bool invert;
  };
  struct AddPrefixSpace {};
  using Step = std::variant<SplitStep, AddPrefixSpace, TokenizerJson::Metaspace>;

  [[nodiscard]] Status add_split(const TokenizerJson::Split& split);

  std::vector<Step> steps_;
};

}  // namespace templar
