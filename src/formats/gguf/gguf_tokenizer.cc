#include "formats/gguf/gguf_tokenizer.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "formats/sentencepiece/sentencepiece_model.h"
#include "formats/sentencepiece/tokenizer_files.h"
#include "formats/tokenizer_json/tokenizer_json.h"
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

// The words in which llama.cpp knows how a text is cut, with what it does besides; no other cut is done
// alike.
Result<std::string_view> pre_tokenizer_name(const TokenizerJson& tokenizer) {
  constexpr std::string_view kLlama3 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
      R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
  constexpr std::string_view kQwen2 =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
      R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
  const auto refuse = [](const char* what) {
    return fatal_error(std::string("tokenizer.json: ") + what + ", which llama.cpp would not do alike");
  };
  if (!tokenizer.is_byte_level()) return refuse("its pre_tokenizer does not end with ByteLevel");
  const auto& steps = tokenizer.pre_tokenizers;
  const auto& bytes = std::get<TokenizerJson::ByteLevel>(steps.back());
  if (bytes.add_prefix_space) return refuse("pre_tokenizer.add_prefix_space");
  const bool has_nfc =
      tokenizer.normalizers.size() == 1 &&
      std::get_if<TokenizerJson::UnicodeForm>(tokenizer.normalizers.data()) != nullptr &&
      std::get<TokenizerJson::UnicodeForm>(tokenizer.normalizers[0]) == TokenizerJson::UnicodeForm::kNfc;
  if (!tokenizer.normalizers.empty() && !has_nfc) return refuse("its normalizer");
  if (steps.size() == 1 && bytes.use_regex && !tokenizer.ignore_merges && !has_nfc) return "gpt-2";
  const auto* split = steps.size() == 2 ? std::get_if<TokenizerJson::Split>(steps.data()) : nullptr;
  const bool is_isolated = split != nullptr && !bytes.use_regex && split->pattern.is_regex &&
                           !split->invert && split->behaviour == TokenizerJson::SplitBehaviour::kIsolated;
  if (is_isolated && split->pattern.text == kLlama3 && tokenizer.ignore_merges && !has_nfc)
    return "llama-bpe";
  if (is_isolated && split->pattern.text == kQwen2 && !tokenizer.ignore_merges) return "qwen2";
  return refuse("it cuts a text in a way of its own (pre_tokenizer, model.ignore_merges, normalizer)");
}

Status put_tokenizer_json(std::span<const TokenizerFile> files, int64_t vocab_size, GgufMetadata& metadata) {
  auto parsed = parse_tokenizer_json(as_text(find_file(files, kTokenizerJsonName)->content));
  if (!parsed) return annotate(parsed.error(), "tokenizer.json");
  TokenizerJson& tokenizer = *parsed;
  TRY_ASSIGN(const std::string_view cut, pre_tokenizer_name(tokenizer));
  TRY_ASSIGN(const uint32_t separator, separator_of(tokenizer, tokenizer_config_of(files)));
  std::vector<PieceType> types(tokenizer.vocab_size(), PieceType::kNormal);
  for (const auto& token : tokenizer.added_tokens)
    types[token.id] = token.special ? PieceType::kControl : PieceType::kUserDefined;
  types[separator] = PieceType::kControl;
  TokenTable table;
  for (uint32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const auto text = token_text(tokenizer, id);
    table.add(text ? std::string(*text) : fmt::format("[PAD{}]", id), 0,
              text ? types[id] : PieceType::kUnused);
  }
  TRY(table.fill_up_to(vocab_size));
  std::vector<std::string> merges;
  merges.reserve(tokenizer.merges.size());
  for (const auto& merge : tokenizer.merges)
    merges.push_back(fmt::format("{} {}", *tokenizer.vocab[merge.left], *tokenizer.vocab[merge.right]));
  metadata.put_text("tokenizer.ggml.model", "gpt2");
  metadata.put_text("tokenizer.ggml.pre", cut);
  put_table(table, metadata);
  metadata.put_texts("tokenizer.ggml.merges", merges);
  // Without a token of its own for the beginning llama.cpp would take number 11, a character.
  put_role("bos", separator, metadata);
  put_role("eos", separator, metadata);
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
    case TokenizerKind::kHuggingFace:
      return put_tokenizer_json(files, vocab_size, metadata);
  }
  return fatal_error("unknown kind of tokenizer");
}

}  // namespace templar
