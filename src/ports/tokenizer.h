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

// Ids, and how many bytes of the text each stands for: together all of them, if there is an id at all.
struct EncodedText {
  std::vector<uint32_t> ids;
  std::vector<uint32_t> source_bytes;
};

// Immutable; any thread.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // "bytes", "sentencepiece" or "huggingface".
  [[nodiscard]] virtual std::string name() const = 0;
  // Every id is below it.
  [[nodiscard]] virtual uint64_t vocab_size() const = 0;
  // The id that stands between two documents; encode never gives it.
  [[nodiscard]] virtual uint32_t separator_id() const = 0;
  // Takes any bytes, valid UTF-8 or not. Memory in proportion to the ids, whatever the text's length.
  [[nodiscard]] virtual std::vector<uint32_t> encode(std::string_view text) const = 0;
  // The ids of a text where it stands in a larger one, between `before` and `after`: of parts that follow
  // each other they are those of the whole, as long as no id reaches further than the contexts. As it is here
  // it suits a tokenizer whose ids depend on nothing around the text: encode(text), and each id stands for
  // what decode() makes of it.
  [[nodiscard]] virtual EncodedText encode_part(std::string_view before, std::string_view text,
                                                std::string_view after) const;
  // Separators and ids that are not in the vocabulary are left out.
  [[nodiscard]] virtual std::string decode(std::span<const uint32_t> ids) const = 0;
  [[nodiscard]] virtual std::vector<TokenizerFile> files() const = 0;
};

// A token is a byte (vocabulary 256). Byte 0 is the document separator, so NUL bytes in a text are dropped;
// apart from these decode(encode(text)) == text. files(): tokenizer.json in the format of Hugging Face's
// tokenizers (byte-level BPE without merges, the token id being the byte) and tokenizer_config.json.
[[nodiscard]] std::unique_ptr<Tokenizer> make_byte_tokenizer();

}  // namespace templar
