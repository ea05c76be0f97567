#include "formats/gguf/gguf_tokenizer.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "formats/sentencepiece/sentencepiece_model.h"
#include "formats/sentencepiece/tokenizer_files.h"
#include "ports/byte_level.h"

namespace templar {
namespace {

// What the separator is called; no text contains it as a token, for the byte tokenizer has single bytes only.
constexpr const char* kByteSeparatorText = "<|endoftext|>";
// The pre-tokenizer cuts a text into words before merges. Without merges any gives the same ids; of those
// that llama.cpp knows for long this is one that leaves the spaces of decoded text alone.
constexpr const char* kPreTokenizer = "qwen2";
constexpr float kPaddingScore = -1e6F;  // below every real one

struct TokenTable {
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> types;

  void add(std::string text, float score, PieceType type) {
    texts.push_back(std::move(text));
    scores.push_back(score);
    types.push_back(static_cast<int32_t>(type));
  }
  [[nodiscard]] Status fill_up_to(int64_t vocab_size) {
    if (std::ssize(texts) > vocab_size) {
      return fatal_error(
          fmt::format("the tokenizer has {} tokens, the model's vocabulary {}", texts.size(), vocab_size));
    }
    while (std::ssize(texts) < vocab_size)
      add(fmt::format("[PAD{}]", texts.size()), kPaddingScore, PieceType::kUnused);
    return {};
  }
};

void put_table(const TokenTable& table, GgufMetadata& metadata) {
  metadata.put_texts("tokenizer.ggml.tokens", table.texts);
  metadata.put_f32s("tokenizer.ggml.scores", table.scores);
  metadata.put_i32s("tokenizer.ggml.token_type", table.types);
}

void put_role(std::string_view role, std::optional<uint32_t> id, GgufMetadata& metadata) {
  if (id) metadata.put_u32(fmt::format("tokenizer.ggml.{}_token_id", role), *id);
}

void put_no_additions(GgufMetadata& metadata) {
  metadata.put_bool("tokenizer.ggml.add_bos_token", false);
  metadata.put_bool("tokenizer.ggml.add_eos_token", false);
}

Status put_byte_tokenizer(int64_t vocab_size, GgufMetadata& metadata) {
  const auto bytes = make_byte_tokenizer();
  const uint32_t separator = bytes->separator_id();
  TokenTable table;
  for (uint32_t byte = 0; byte < bytes->vocab_size(); ++byte) {
    if (byte == separator) {
      table.add(kByteSeparatorText, 0, PieceType::kControl);
    } else {
      table.add(byte_level_character(static_cast<uint8_t>(byte)), 0, PieceType::kNormal);
    }
  }
  TRY(table.fill_up_to(vocab_size));
  metadata.put_text("tokenizer.ggml.model", "gpt2");
  metadata.put_text("tokenizer.ggml.pre", kPreTokenizer);
  put_table(table, metadata);
  metadata.put_texts("tokenizer.ggml.merges", {});
  // Without a token of its own for the beginning llama.cpp would take number 11, a byte.
  put_role("bos", separator, metadata);
  put_role("eos", separator, metadata);
  put_no_additions(metadata);
  return {};
}

Status check_sentencepiece(const SentencePieceModel& model) {
  const auto refuse = [](const char* what) {
    return fatal_error(std::string("tokenizer.model: ") + what + ", which llama.cpp would not do alike");
  };
  if (model.algorithm != SentencePieceAlgorithm::kBpe) return refuse("not a BPE model");
  if (model.has_normalisation) return refuse("it normalises characters");
  if (model.remove_extra_whitespaces) return refuse("it removes spaces");
  if (!model.escape_whitespaces || model.whitespace_as_suffix)
    return refuse("it treats spaces in a way of its own");
  if (!model.byte_fallback) return refuse("it has no bytes for characters that it does not know");
  if (!model.end) return fatal_error("tokenizer.model: no token that ends a text");
  return {};
}

Status put_sentencepiece(ByteView file, int64_t vocab_size, GgufMetadata& metadata) {
  auto parsed = parse_sentencepiece_model(file);
  if (!parsed) return fatal_error("tokenizer.model: " + parsed.error().message);
  TRY(check_sentencepiece(*parsed));
  TokenTable table;
  for (SentencePiece& piece : parsed->pieces) table.add(std::move(piece.text), piece.score, piece.type);
  TRY(table.fill_up_to(vocab_size));
  metadata.put_text("tokenizer.ggml.model", "llama");
  metadata.put_text("tokenizer.ggml.pre", "default");
  put_table(table, metadata);
  put_role("bos", parsed->begin, metadata);
  put_role("eos", parsed->end, metadata);
  put_role("unknown", parsed->unknown, metadata);
  put_role("padding", parsed->padding, metadata);
  metadata.put_bool("tokenizer.ggml.add_space_prefix", parsed->add_dummy_prefix);
  put_no_additions(metadata);
  return {};
}

}  // namespace

Status put_tokenizer(std::span<const TokenizerFile> files, int64_t vocab_size, GgufMetadata& metadata) {
  TRY_ASSIGN(const TokenizerKind kind, kind_of_tokenizer(files));
  switch (kind) {
    case TokenizerKind::kNone:
      metadata.put_text("tokenizer.ggml.model", "no_vocab");
      return {};
    case TokenizerKind::kBytes:
      return put_byte_tokenizer(vocab_size, metadata);
    case TokenizerKind::kSentencePiece:
      return put_sentencepiece(find_file(files, kSentencePieceName)->content, vocab_size, metadata);
  }
  return fatal_error("unknown kind of tokenizer");
}

}  // namespace templar
