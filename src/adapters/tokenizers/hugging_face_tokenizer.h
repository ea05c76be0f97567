// Tokenizers of Hugging Face's library, from their tokenizer.json: byte-pair encodings such as those of
// GPT-2, Llama 3, Qwen and Gemma. Ids are those of the library, without the tokens that its post-processor
// puts around a text.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "ports/tokenizer.h"

namespace templar {

// The separator of documents: its id, or the content of tokenizer_config.json, if there is one, to choose it
// by (separator_of).
using SeparatorChoice = std::variant<uint32_t, std::optional<std::string>>;

// From the file's bytes; `origin` names it in messages. The text of the separator within a document is
// ordinary text, in tokens of its own; other added tokens are found in it. Bytes that are no UTF-8 become
// U+FFFD first. decode() gives the bytes that the tokens stand for. files(): tokenizer.json, the same bytes,
// and tokenizer_config.json, which names the separator as eos_token. Fails (fatal) as parse_tokenizer_json
// and separator_of do, and on a regular expression that can't be had here, naming the place in the file.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> make_hugging_face_tokenizer(ByteView tokenizer_json,
                                                                             const SeparatorChoice& separator,
                                                                             const std::string& origin);
// The files that a path stands for: a tokenizer.json, or that of a folder, and the tokenizer_config.json
// beside it, if there is one.
[[nodiscard]] std::vector<std::filesystem::path> hugging_face_tokenizer_files(
    const std::filesystem::path& path);
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> load_hugging_face_tokenizer(
    const std::filesystem::path& path);

}  // namespace templar
