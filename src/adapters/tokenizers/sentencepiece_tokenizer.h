// SentencePiece models: loaded, or trained here. The separator is the model's end-of-sentence token.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "ports/tokenizer.h"

namespace templar {

// From a model file's bytes; `origin` names it in messages. Fails (fatal) unless it is a SentencePiece model
// with an end-of-sentence token. files(): tokenizer.model, the same bytes, and tokenizer_config.json.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> make_sentencepiece_tokenizer(ByteView model,
                                                                              const std::string& origin);
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> load_sentencepiece_tokenizer(
    const std::filesystem::path& path);

// Trains byte-pair encoding with byte fallback, text taken as it is (no normalisation, no added or removed
// spaces), so that any text survives encode and decode. vocab_size counts the 256 bytes and 3 special tokens.
// The same text and size give the same model. One thread; memory in proportion to the text, which the caller
// bounds. Fails (fatal) where the text is too small for so many tokens.
[[nodiscard]] Result<Bytes> train_sentencepiece_model(const std::vector<std::string>& texts,
                                                      uint64_t vocab_size);

}  // namespace templar
