// A model's parameters, or their gradients, as the layers use them: pointers into storage in canonical order,
// in which the matrices q, k, v lie side by side and act as one, and so do gate and up.
#pragma once

#include <vector>

#include "core/run/parameter_layout.h"

namespace templar {

template <typename Matrix, typename Vector>
struct LayerTensors {
  Matrix* qkv = nullptr;      // [(heads + 2 kv_heads)·head_dim, hidden]
  Matrix* output = nullptr;   // [hidden, heads·head_dim]
  Matrix* gate_up = nullptr;  // [2·intermediate, hidden]
  Matrix* down = nullptr;     // [hidden, intermediate]
  Vector* input_norm = nullptr;
  Vector* post_attention_norm = nullptr;
};

// Matrix: the element of what matrix products read; Vector: that of norms and of the embedding's table.
template <typename Matrix, typename Vector>
struct ModelTensors {
  Vector* embedding = nullptr;  // [vocab, hidden]
  std::vector<LayerTensors<Matrix, Vector>> layers;
  Vector* norm = nullptr;
  Matrix* head = nullptr;  // [vocab, hidden], the embedding's own where they are tied
};

// Offsets of the canonical order from its first value; base points to the first value of each kind of
// storage.
template <typename Matrix, typename Vector>
[[nodiscard]] ModelTensors<Matrix, Vector> model_tensors(const ModelSpec& model,
                                                         const ParameterLayout& layout, Matrix* matrices,
                                                         Vector* vectors) {
  std::vector<int64_t> offsets = {0};
  for (const ParameterInfo& parameter : layout) offsets.push_back(offsets.back() + parameter.count());
  ModelTensors<Matrix, Vector> tensors;
  tensors.embedding = vectors;
  for (int64_t layer = 0; layer < model.num_hidden_layers; ++layer) {
    const auto at = [&](LayerParameter parameter) { return offsets[index_of(layer, parameter)]; };
    tensors.layers.push_back({.qkv = matrices + at(LayerParameter::kQuery),
                              .output = matrices + at(LayerParameter::kAttentionOutput),
                              .gate_up = matrices + at(LayerParameter::kGate),
                              .down = matrices + at(LayerParameter::kDown),
                              .input_norm = vectors + at(LayerParameter::kInputNorm),
                              .post_attention_norm = vectors + at(LayerParameter::kPostAttentionNorm)});
  }
  const int64_t norm = first_of_layer(model.num_hidden_layers);
  tensors.norm = vectors + offsets[norm];
  tensors.head = model.tie_word_embeddings ? matrices : matrices + offsets[norm + 1];
  return tensors;
}

}  // namespace templar
