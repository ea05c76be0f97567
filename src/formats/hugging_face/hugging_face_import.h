// A directory as Hugging Face's transformers write it, ours too, read back as a model: config.json,
// model.safetensors or its shards with their index, the tokenizer's files.
#pragma once

#include <filesystem>
#include <string_view>

#include "formats/export/model_source.h"

namespace templar {

struct HuggingFaceShape {
  ModelSpec model;
  int64_t sequence_length = 0;  // max_position_embeddings
};

// config.json of a LlamaForCausalLM, with rope_parameters or rope_theta. Fails (fatal), naming the field, on
// what is missing or can't be computed here: other architectures and activations, rope_scaling and rope types
// other than the default, biases, sliding windows, heads of another size than hidden_size divides into,
// quantised weights.
[[nodiscard]] Result<HuggingFaceShape> parse_hugging_face_config(std::string_view json);

// Whether the folder is such a directory and no checkpoint, which has a manifest besides.
[[nodiscard]] bool is_hugging_face_folder(const std::filesystem::path& folder);

// The directory's model; its files are mapped and must not change while the source is used. Tensors are F32,
// BF16 or F16 and become f32 exactly; a tied model may do without lm_head.weight. Fails (fatal), naming the
// file and the field or tensor, as parse_hugging_face_config does and where a tensor is missing, unknown or
// of another shape or type.
[[nodiscard]] Result<ModelSource> open_hugging_face(const std::filesystem::path& folder);

}  // namespace templar
