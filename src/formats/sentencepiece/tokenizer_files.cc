#include "formats/sentencepiece/tokenizer_files.h"

#include <algorithm>

#include "formats/sentencepiece/sentencepiece_model.h"
#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {
namespace {

std::optional<uint32_t> separator_of_tokenizer_json(std::span<const TokenizerFile> files) {
  const auto json = parse_tokenizer_json(as_text(find_file(files, kTokenizerJsonName)->content));
  if (!json) return std::nullopt;
  const auto separator = separator_of(*json, tokenizer_config_of(files));
  if (!separator) return std::nullopt;
  return *separator;
}

}  // namespace

const TokenizerFile* find_file(std::span<const TokenizerFile> files, std::string_view name) {
  const auto found = std::ranges::find(files, name, &TokenizerFile::name);
  return found == files.end() ? nullptr : &*found;
}

Result<TokenizerKind> kind_of_tokenizer(std::span<const TokenizerFile> files) {
  if (files.empty()) return TokenizerKind::kNone;
  if (find_file(files, kSentencePieceName) != nullptr) return TokenizerKind::kSentencePiece;
  const auto bytes = make_byte_tokenizer();
  const std::vector<TokenizerFile> ours = bytes->files();
  const TokenizerFile* json = find_file(files, kTokenizerJsonName);
  const TokenizerFile* our_json = find_file(ours, kTokenizerJsonName);
  if (json != nullptr && json->content == our_json->content) return TokenizerKind::kBytes;
  if (json != nullptr) return TokenizerKind::kHuggingFace;
  return fatal_error("the tokenizer beside the model has neither a tokenizer.model nor a tokenizer.json");
}

std::optional<std::string_view> tokenizer_config_of(std::span<const TokenizerFile> files) {
  const TokenizerFile* config = find_file(files, kTokenizerConfigName);
  if (config == nullptr) return std::nullopt;
  return as_text(config->content);
}

std::optional<uint32_t> separator_of_tokenizer(std::span<const TokenizerFile> files) {
  const auto kind = kind_of_tokenizer(files);
  if (!kind || *kind == TokenizerKind::kNone) return std::nullopt;
  if (*kind == TokenizerKind::kBytes) return make_byte_tokenizer()->separator_id();
  if (*kind == TokenizerKind::kHuggingFace) return separator_of_tokenizer_json(files);
  const auto model = parse_sentencepiece_model(find_file(files, kSentencePieceName)->content);
  return model ? model->end : std::nullopt;
}

}  // namespace templar
