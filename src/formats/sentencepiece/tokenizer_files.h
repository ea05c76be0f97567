// Which tokenizer the files beside a model are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "ports/tokenizer.h"

namespace templar {

inline constexpr std::string_view kSentencePieceName = "tokenizer.model";
inline constexpr std::string_view kTokenizerJsonName = "tokenizer.json";
inline constexpr std::string_view kTokenizerConfigName = "tokenizer_config.json";

enum class TokenizerKind {
  kNone,           // no files: the model was trained on token ids, from a tokenizer not known here
  kBytes,          // what make_byte_tokenizer() gives
  kSentencePiece,  // tokenizer.model
  kHuggingFace,    // any other tokenizer.json
};

// Fails (fatal) on files that are none of these. What is in them is not looked at.
[[nodiscard]] Result<TokenizerKind> kind_of_tokenizer(std::span<const TokenizerFile> files);

// The file of that name; nullptr if there is none.
[[nodiscard]] const TokenizerFile* find_file(std::span<const TokenizerFile> files, std::string_view name);

// The text of tokenizer_config.json, if it is there; it lives as long as the files.
[[nodiscard]] std::optional<std::string_view> tokenizer_config_of(std::span<const TokenizerFile> files);

// The token that stands between two documents; nullopt if the tokenizer is not known, or can't be read.
[[nodiscard]] std::optional<uint32_t> separator_of_tokenizer(std::span<const TokenizerFile> files);

}  // namespace templar
