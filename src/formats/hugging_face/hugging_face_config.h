// config.json beside the model's file, so that Hugging Face's transformers and what speaks its language open
// the folder as it is.
#pragma once

#include "base/json/json.h"
#include "core/run/run_spec.h"

namespace templar {

// The file's content, of a LlamaForCausalLM. Which token ids begin and end a text is not known here and said
// to be none.
[[nodiscard]] Json hugging_face_config(const ModelSpec& model, int64_t sequence_length);

}  // namespace templar
