// A model as the directory that Hugging Face's transformers, and all that speak its language, open.
#pragma once

#include <filesystem>

#include "formats/export/model_source.h"

namespace templar {

// A folder with config.json, model.safetensors (or its shards of at most max_shard_bytes and their index) and
// the tokenizer's files, which appears whole or not at all in place of what was there. config.json names the
// type of the numbers and, where the tokenizer is known, the separator of documents as the token that ends a
// text. Fails (fatal) where the folder can't be written, and as write_parameter does.
[[nodiscard]] Status export_hugging_face(const ModelSource& source, NumberType type,
                                         const std::filesystem::path& folder, uint64_t max_shard_bytes,
                                         const ExportProgress& progress);

}  // namespace templar
