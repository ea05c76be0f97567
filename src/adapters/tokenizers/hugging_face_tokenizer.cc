#include "adapters/tokenizers/hugging_face_tokenizer.h"

#include <system_error>
#include <utility>

#include "adapters/tokenizers/added_tokens.h"
#include "adapters/tokenizers/byte_pair_encoder.h"
#include "adapters/tokenizers/pre_tokenizer.h"
#include "adapters/tokenizers/text_normalizer.h"
#include "adapters/tokenizers/text_part.h"
#include "adapters/tokenizers/token_decoder.h"
#include "adapters/tokenizers/token_places.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "base/utf8.h"
#include "formats/sentencepiece/tokenizer_files.h"
#include "formats/tokenizer_json/tokenizer_json.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxTokenizerFileBytes = 256 << 20;
constexpr size_t kMaxConfigBytes = 64 << 20;

bool is_valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t size = utf8_character_size(text.substr(at));
    if (size == 0) return false;
    at += size;
  }
  return true;
}

struct Parts {
  TextNormalizer normalizer;
  PreTokenizer pre_tokenizer;
  AddedTokens raw_tokens;         // looked for in the text as it is
  AddedTokens normalized_tokens;  // and after the normalizer
};

Result<Parts> make_parts(const TokenizerJson& json, uint32_t separator) {
  auto normalizer = TextNormalizer::make(json.normalizers);
  if (!normalizer) return annotate(normalizer.error(), "normalizer");
  auto pre_tokenizer = PreTokenizer::make(json.pre_tokenizers);
  if (!pre_tokenizer) return annotate(pre_tokenizer.error(), "pre_tokenizer");
  Parts parts{std::move(*normalizer), std::move(*pre_tokenizer), {}, {}};
  for (const auto& token : json.added_tokens) {
    if (token.id == separator) continue;
    if (token.normalized) {
      parts.normalized_tokens.add(token, parts.normalizer.normalized(token.content));
    } else {
      parts.raw_tokens.add(token, token.content);
    }
  }
  return parts;
}

class HuggingFaceTokenizer final : public Tokenizer {
 public:
  HuggingFaceTokenizer(const TokenizerJson& json, Parts parts, uint32_t separator, Bytes file)
      : parts_(std::move(parts)),
        encoder_(json, separator),
        decoder_(json, separator),
        vocab_size_(json.vocab_size()),
        separator_(separator),
        separator_text_(token_text(json, separator).value_or("")),
        file_(std::move(file)),
        sizes_(decoder_.sizes()) {}

  [[nodiscard]] std::string name() const override { return "huggingface"; }
  [[nodiscard]] uint64_t vocab_size() const override { return vocab_size_; }
  [[nodiscard]] uint32_t separator_id() const override { return separator_; }

  [[nodiscard]] std::vector<uint32_t> encode(std::string_view text) const override {
    std::vector<uint32_t> ids;
    const std::string replaced = is_valid_utf8(text) ? std::string() : with_replacements(text);
    if (!replaced.empty()) text = replaced;
    ids.reserve(text.size() / 3);
    for (const AddedTokens::Section& section : parts_.raw_tokens.cut(text)) {
      if (section.id) {
        ids.push_back(*section.id);
      } else if (parts_.normalizer.does_nothing()) {
        encode_normalized(section.text, section.text.data() == text.data(), ids);
      } else {
        const std::string normalized = parts_.normalizer.normalized(section.text);
        encode_normalized(normalized, section.text.data() == text.data(), ids);
      }
    }
    return ids;
  }

  [[nodiscard]] EncodedText encode_part(std::string_view before, std::string_view text,
                                        std::string_view after) const override {
    const TextPart part(before, text, after);
    const std::vector<uint32_t> ids = encode(part.whole());
    const std::vector<size_t> begins = token_begins(*this, sizes_, part.whole(), ids);
    PlacedTokens tokens;
    tokens.reserve(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) tokens.push_back({ids[i], begins[i]});
    return part.of(tokens);
  }

  [[nodiscard]] std::string decode(std::span<const uint32_t> ids) const override {
    return decoder_.decode(ids);
  }

  [[nodiscard]] std::vector<TokenizerFile> files() const override {
    const Json json = JsonObject{{"tokenizer_class", "PreTrainedTokenizerFast"},
                                 {"clean_up_tokenization_spaces", false},
                                 {"eos_token", separator_text_}};
    const std::string config = to_text(json, {.indent = 2}) + "\n";
    return {{std::string(kTokenizerJsonName), file_},
            {std::string(kTokenizerConfigName), Bytes(config.begin(), config.end())}};
  }

 private:
  void encode_normalized(std::string_view text, bool begins_document, std::vector<uint32_t>& ids) const {
    for (const AddedTokens::Section& section : parts_.normalized_tokens.cut(text)) {
      if (section.id) {
        ids.push_back(*section.id);
        continue;
      }
      const bool begins = begins_document && section.text.data() == text.data();
      const TextPieces pieces = parts_.pre_tokenizer.cut(section.text, begins);
      for (const std::string_view piece : pieces.pieces) encoder_.append(piece, ids);
    }
  }

  Parts parts_;
  BytePairEncoder encoder_;
  TokenDecoder decoder_;
  uint32_t vocab_size_;
  uint32_t separator_;
  std::string separator_text_;
  Bytes file_;
  std::vector<uint32_t> sizes_;  // by id, of what it stands for in the middle of a text
};

Result<uint32_t> chosen_separator(const TokenizerJson& json, const SeparatorChoice& choice) {
  if (const auto* id = std::get_if<uint32_t>(&choice)) {
    if (!token_text(json, *id))
      return fatal_error("no token has the id " + std::to_string(*id) + ", the separator's");
    return *id;
  }
  return separator_of(json, std::get<std::optional<std::string>>(choice));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_hugging_face_tokenizer(ByteView tokenizer_json,
                                                               const SeparatorChoice& separator,
                                                               const std::string& origin) {
  const auto json = parse_tokenizer_json(as_text(tokenizer_json));
  if (!json) return annotate(json.error(), origin);
  const auto id = chosen_separator(*json, separator);
  if (!id) return annotate(id.error(), origin);
  auto parts = make_parts(*json, *id);
  if (!parts) return annotate(parts.error(), origin);
  return std::make_unique<HuggingFaceTokenizer>(*json, std::move(*parts), *id,
                                                Bytes(tokenizer_json.begin(), tokenizer_json.end()));
}

std::vector<fs::path> hugging_face_tokenizer_files(const fs::path& path) {
  std::error_code ignored;
  const fs::path json = fs::is_directory(path, ignored) ? path / kTokenizerJsonName : path;
  const fs::path config = json.parent_path() / kTokenizerConfigName;
  if (!fs::exists(config, ignored)) return {json};
  return {json, config};
}

Result<std::unique_ptr<Tokenizer>> load_hugging_face_tokenizer(const fs::path& path) {
  const std::vector<fs::path> files = hugging_face_tokenizer_files(path);
  TRY_ASSIGN(const Bytes json, read_file(files[0], kMaxTokenizerFileBytes));
  std::optional<std::string> config;
  if (files.size() > 1) {
    TRY_ASSIGN(const Bytes bytes, read_file(files[1], kMaxConfigBytes));
    config = std::string(as_text(bytes));
  }
  return make_hugging_face_tokenizer(json, std::move(config), files[0].string());
}

}  // namespace templar
