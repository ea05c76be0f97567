// Text to token ids and back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace templar {

// A file that belongs beside a checkpoint, so that other programs find the tokenizer.
struct TokenizerFile {
  std::string name;
  Bytes content;
};

// Immutable; any thread.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // "bytes" or "sentencepiece".
  [[nodiscard]] virtual std::string name() const = 0;
  // Every id is below it.
  [[nodiscard]] virtual uint64_t vocab_size() const = 0;
  // The id that stands between two documents; encode never gives it.
  [[nodiscard]] virtual uint32_t separator_id() const = 0;
  // Takes any bytes, valid UTF-8 or not.
  [[nodiscard]] virtual std::vector<uint32_t> encode(std::string_view text) const = 0;
  // Separators and ids that are not in the vocabulary are left out.
  [[nodiscard]] virtual std::string decode(std::span<const uint32_t> ids) const = 0;
  [[nodiscard]] virtual std::vector<TokenizerFile> files() const = 0;
};

// A token is a byte (vocabulary 256). Byte 0 is the document separator, so NUL bytes in a text are dropped;
// apart from these decode(encode(text)) == text. files(): tokenizer.json in the format of Hugging Face's
// tokenizers (byte-level BPE without merges, the token id being the byte) and tokenizer_config.json.
[[nodiscard]] std::unique_ptr<Tokenizer> make_byte_tokenizer();

}  // namespace templar
