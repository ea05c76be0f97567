// The model of tokenizer.json: a piece of text becomes tokens by merging neighbours, the highest-ranked pair
// first.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "adapters/tokenizers/token_tables.h"
#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {

// Any thread.
class BytePairEncoder {
 public:
  // The token `never` is given for no text, as if the vocabulary lacked it.
  BytePairEncoder(const TokenizerJson& tokenizer, uint32_t never);

  // Appends the tokens of a piece, valid UTF-8. Takes time in proportion to its size, but for a logarithm.
  void append(std::string_view piece, std::vector<uint32_t>& ids) const;

 private:
  // Whether merging a token's own text gives the token: most pieces are tokens, and are found at once.
  enum class Itself : uint8_t { kUnknown, kYes, kNo };

  void append_section(std::string_view section, std::vector<uint32_t>& ids) const;
  void append_symbols(std::string_view section, std::vector<uint32_t>& symbols) const;
  void append_bytes_or_unknown(std::string_view character, std::optional<uint32_t>& unknown,
                               std::vector<uint32_t>& symbols) const;
  void append_merged(std::string_view section, std::vector<uint32_t>& ids) const;
  void merge_few(std::vector<uint32_t>& symbols) const;
  void merge_many(std::vector<uint32_t>& symbols) const;
  void find_seams(const TokenizerJson& tokenizer);
  [[nodiscard]] bool is_seam(std::string_view before, std::string_view after) const;

  TokenTexts texts_;
  PairTable merges_;  // of ids; the value is the rank, and the merged token
  // Pairs of characters that some merge joins: between all others a piece may be cut. Not used for bytes.
  PairTable joints_;
  std::array<bool, 128 * 128> ascii_joints_{};
  std::array<std::optional<uint32_t>, 256> byte_symbols_;  // of byte level, or of byte fallback
  bool is_byte_level_;
  bool has_all_bytes_ = true;
  bool ignore_merges_;
  bool fuse_unknown_;
  std::optional<uint32_t> unknown_;
  mutable std::vector<std::atomic<Itself>> itself_;  // by id; a value that is found twice is the same
};

}  // namespace templar
