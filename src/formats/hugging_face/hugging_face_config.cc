#include "formats/hugging_face/hugging_face_config.h"

namespace templar {

Json hugging_face_config(const ModelSpec& model, int64_t sequence_length) {
  return JsonObject{
      {"architectures", JsonList{"LlamaForCausalLM"}},
      {"model_type", "llama"},
      {"vocab_size", model.vocab_size},
      {"hidden_size", model.hidden_size},
      {"intermediate_size", model.intermediate_size},
      {"num_hidden_layers", model.num_hidden_layers},
      {"num_attention_heads", model.num_attention_heads},
      {"num_key_value_heads", model.num_key_value_heads},
      {"head_dim", model.head_width()},
      {"hidden_act", "silu"},
      {"max_position_embeddings", sequence_length},
      {"initializer_range", model.initializer_range},
      {"rms_norm_eps", model.rms_norm_eps},
      {"rope_theta", model.rope_theta},
      {"rope_scaling", nullptr},
      {"tie_word_embeddings", model.tie_word_embeddings},
      {"attention_bias", false},
      {"attention_dropout", 0.0},
      {"mlp_bias", false},
      {"use_cache", true},
      {"bos_token_id", nullptr},
      {"eos_token_id", nullptr},
      {"torch_dtype", "float32"},
  };
}

}  // namespace templar
