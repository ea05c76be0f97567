// A tokenizer in the words of GGUF's metadata, so that llama.cpp makes the same tokens of a text.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "ports/tokenizer.h"

namespace templar {

// Puts the keys tokenizer.ggml.* of the tokenizer that these files are:
// - the byte tokenizer as byte-level BPE without merges ("gpt2"): every text that is UTF-8 gets the same ids,
//   NUL characters being dropped; bytes that are no UTF-8 llama.cpp itself turns into U+FFFD first;
// - a tokenizer.json that cuts a text as GPT-2's, Llama 3's or Qwen's does as "gpt2", with its merges: every
//   UTF-8 text gets the same ids, if it is in NFC where the tokenizer would bring it into NFC. Where the cut
//   is GPT-2's, llama.cpp takes out spaces before punctuation when it writes tokens as text;
// - SentencePiece BPE as "llama": every UTF-8 text gets the same ids;
// - none as "no_vocab": the model takes and gives token ids only.
// Where the model's vocabulary is larger than the tokenizer's, unused tokens "[PAD<id>]" fill it. The
// separator of documents is the token that ends a text; none is put before a text by itself. Fails (fatal)
// where the tokenizer does something that llama.cpp can't do alike (unigram models, normalisation, removal of
// spaces, no byte fallback), has more tokens than the model, or is not known.
[[nodiscard]] Status put_tokenizer(std::span<const TokenizerFile> files, int64_t vocab_size,
                                   GgufMetadata& metadata);

}  // namespace templar
