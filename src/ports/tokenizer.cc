#include "ports/tokenizer.h"

#include <algorithm>
#include <utility>

#include "ports/byte_level.h"

namespace templar {
namespace {

constexpr uint32_t kByteCount = 256;
constexpr uint32_t kSeparator = 0;

std::string json_character(uint32_t byte) {
  const std::string character = byte_level_character(static_cast<uint8_t>(byte));
  return character == "\"" || character == "\\" ? "\\" + character : character;
}

std::string tokenizer_json() {
  std::string json = R"({
  "version": "1.0",
  "truncation": null,
  "padding": null,
  "added_tokens": [],
  "normalizer": null,
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
  "model": {
    "type": "BPE",
    "dropout": null,
    "unk_token": null,
    "continuing_subword_prefix": null,
    "end_of_word_suffix": null,
    "fuse_unk": false,
    "byte_fallback": false,
    "vocab": {
)";
  for (uint32_t byte = 0; byte < kByteCount; ++byte) {
    json += "      \"" + json_character(byte) + "\": " + std::to_string(byte);
    json += byte + 1 < kByteCount ? ",\n" : "\n";
  }
  json += "    },\n    \"merges\": []\n  }\n}\n";
  return json;
}

constexpr std::string_view kTokenizerConfig = R"({
  "tokenizer_class": "PreTrainedTokenizerFast",
  "clean_up_tokenization_spaces": false
}
)";

TokenizerFile text_file(std::string name, std::string_view text) {
  const ByteView bytes = as_bytes(text);
  return {std::move(name), Bytes(bytes.begin(), bytes.end())};
}

class ByteTokenizer final : public Tokenizer {
 public:
  [[nodiscard]] std::string name() const override { return "bytes"; }
  [[nodiscard]] uint64_t vocab_size() const override { return kByteCount; }
  [[nodiscard]] uint32_t separator_id() const override { return kSeparator; }

  [[nodiscard]] std::vector<uint32_t> encode(std::string_view text) const override {
    std::vector<uint32_t> ids;
    ids.reserve(text.size());
    for (const uint8_t byte : as_bytes(text)) {
      if (byte != kSeparator) ids.push_back(byte);
    }
    return ids;
  }

  [[nodiscard]] EncodedText encode_part(std::string_view, std::string_view text,
                                        std::string_view) const override {
    EncodedText encoded{.ids = encode(text), .source_bytes = {}};
    encoded.source_bytes.assign(encoded.ids.size(), 1);
    // The NUL bytes that were dropped count to the last one.
    if (!encoded.ids.empty())
      encoded.source_bytes.back() += static_cast<uint32_t>(text.size() - encoded.ids.size());
    return encoded;
  }

  [[nodiscard]] std::string decode(std::span<const uint32_t> ids) const override {
    std::string text;
    text.reserve(ids.size());
    for (const uint32_t id : ids) {
      if (id != kSeparator && id < kByteCount) text += static_cast<char>(id);
    }
    return text;
  }

  [[nodiscard]] std::vector<TokenizerFile> files() const override {
    return {text_file("tokenizer.json", tokenizer_json()),
            text_file("tokenizer_config.json", kTokenizerConfig)};
  }
};

}  // namespace

EncodedText Tokenizer::encode_part(std::string_view, std::string_view text, std::string_view) const {
  EncodedText encoded{.ids = encode(text), .source_bytes = {}};
  size_t left = text.size();
  for (const uint32_t id : encoded.ids) {
    const size_t size = std::min(decode({&id, 1}).size(), left);
    encoded.source_bytes.push_back(static_cast<uint32_t>(size));
    left -= size;
  }
  // What was dropped or shortened counts to the last one.
  if (!encoded.ids.empty()) encoded.source_bytes.back() += static_cast<uint32_t>(left);
  return encoded;
}

std::unique_ptr<Tokenizer> make_byte_tokenizer() {
  return std::make_unique<ByteTokenizer>();
}

}  // namespace templar
