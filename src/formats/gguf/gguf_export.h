// A model as a GGUF file for llama.cpp and what reads its files: architecture "llama", tokenizer included.
#pragma once

#include <filesystem>

#include "formats/export/model_source.h"
#include "formats/gguf/gguf.h"

namespace templar {

// What llama.cpp calls a parameter: "blk.3.attn_q.weight" for "model.layers.3.self_attn.q_proj.weight". The
// parameter must be one of a layout (CHECK).
[[nodiscard]] std::string gguf_name(std::string_view parameter);

// llama.cpp rotates neighbours, (2i, 2i+1), where Hugging Face's layout, and ours, has the two halves of a
// head, (i, i + head_dim/2): the rows of q and k go out in that order. Empty for the other parameters.
[[nodiscard]] RowOrder gguf_row_order(const ModelSpec& model, std::string_view parameter);

// One file, which appears whole or not at all. Matrices in that type, norms in f32, as llama.cpp wants them.
// Fails (fatal) where the file can't be written or the tokenizer can't be told (put_tokenizer), and as
// write_parameter does.
[[nodiscard]] Status export_gguf(const ModelSource& source, NumberType type,
                                 const std::filesystem::path& file, const ExportProgress& progress);

}  // namespace templar
