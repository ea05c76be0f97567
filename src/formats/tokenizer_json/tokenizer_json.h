// tokenizer.json, the file of Hugging Face's tokenizers library: a byte-pair encoding and what is done to a
// text before and after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace templar {

// What stands in the file, checked: all ids are those of tokens. Words are the file's own.
struct TokenizerJson {
  // A token that is looked for in the text itself, before anything else.
  struct AddedToken {
    uint32_t id = 0;
    std::string content;
    bool special = false;
    bool single_word = false;  // counts only where no word goes on before or behind it
    bool lstrip = false;       // takes the white space before it along
    bool rstrip = false;
    bool normalized = false;  // is looked for after the normalizer
  };

  struct Pattern {
    std::string text;
    bool is_regex = false;  // Oniguruma's; otherwise the text itself is meant
  };

  enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };
  struct Lowercase {};
  struct Prepend {
    std::string text;
  };
  struct Replace {
    Pattern pattern;
    std::string content;
  };
  struct Strip {  // white space at the ends
    bool left = false;
    bool right = false;
  };
  using Normalizer = std::variant<UnicodeForm, Lowercase, Prepend, Replace, Strip>;

  enum class SplitBehaviour { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
  struct Split {
    Pattern pattern;
    SplitBehaviour behaviour = SplitBehaviour::kIsolated;
    bool invert = false;  // what the pattern does not match counts as its matches
  };
  struct ByteLevel {  // cuts by GPT-2's pattern, if at all; from here on a piece's bytes are its characters
    bool add_prefix_space = false;
    bool use_regex = false;
  };
  enum class PrependScheme { kAlways, kFirst, kNever };
  struct Metaspace {  // spaces become `replacement`, pieces begin with it
    std::string replacement;
    PrependScheme prepend_scheme = PrependScheme::kAlways;
    bool split = true;
  };
  // ByteLevel comes last or not at all.
  using PreTokenizer = std::variant<Split, ByteLevel, Metaspace>;

  struct DecodeByteLevel {};
  struct DecodeByteFallback {};
  struct DecodeFuse {};
  struct DecodeReplace {
    std::string pattern;
    std::string content;
  };
  struct DecodeStrip {  // of the character at most so many at the ends
    std::string content;
    size_t start = 0;
    size_t stop = 0;
  };
  struct DecodeMetaspace {
    std::string replacement;
    bool strip_first = true;  // of the first token
  };
  using Decoder = std::variant<DecodeByteLevel, DecodeByteFallback, DecodeFuse, DecodeReplace, DecodeStrip,
                               DecodeMetaspace>;

  struct Merge {
    uint32_t left = 0;
    uint32_t right = 0;
    uint32_t merged = 0;
  };

  std::vector<AddedToken> added_tokens;
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  // Empty: the texts of tokens, with spaces between them.
  std::vector<Decoder> decoders;

  // The model. Its vocabulary by id: texts, and nullopt where no token has the id.
  std::vector<std::optional<std::string>> vocab;
  std::vector<Merge> merges;  // the first counts most
  std::optional<uint32_t> unknown;
  bool fuse_unknown = false;
  bool byte_fallback = false;  // a character that is no token is written in tokens <0x00> to <0xFF>
  bool ignore_merges = false;  // a piece that is a token is this token, whatever the merges make of it

  // One more than the largest id of all.
  [[nodiscard]] uint32_t vocab_size() const;
  [[nodiscard]] bool is_byte_level() const;
};

// Reads BPE models with the steps that the types above name; truncation, padding and post-processor are not
// for documents and not looked at. Fails (fatal) on what can't be done alike (other models and steps,
// dropout, prefixes and suffixes of subwords) and on what is not consistent, by its path in the file.
[[nodiscard]] Result<TokenizerJson> parse_tokenizer_json(std::string_view text);

// The id that stands between two documents. tokenizer_config: the content of tokenizer_config.json, if it is
// there. Of the tokens that models name for the purpose (<|endoftext|>, <|end_of_text|>, <eos>, </s> and the
// like) the one that the configuration calls eos_token, or else the first that is a special token here: what
// a chat model calls eos_token ends a turn, not a document. Without any of these the eos_token. Fails (fatal)
// where there is none, or the configuration can't be read.
[[nodiscard]] Result<uint32_t> separator_of(const TokenizerJson& tokenizer,
                                            std::optional<std::string_view> tokenizer_config);

// The text of a token; nullopt if there is none of this id.
[[nodiscard]] std::optional<std::string_view> token_text(const TokenizerJson& tokenizer, uint32_t id);

}  // namespace templar
