#include "formats/sentencepiece/tokenizer_files.h"

#include <algorithm>

#include "formats/sentencepiece/sentencepiece_model.h"

namespace templar {

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
  return fatal_error(
      "the tokenizer beside the model is neither the byte tokenizer nor a SentencePiece model");
}

std::optional<uint32_t> separator_of_tokenizer(std::span<const TokenizerFile> files) {
  const auto kind = kind_of_tokenizer(files);
  if (!kind || *kind == TokenizerKind::kNone) return std::nullopt;
  if (*kind == TokenizerKind::kBytes) return make_byte_tokenizer()->separator_id();
  const auto model = parse_sentencepiece_model(find_file(files, kSentencePieceName)->content);
  return model ? model->end : std::nullopt;
}

}  // namespace templar
