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
  size_t next = 1;
  for (int64_t layer = 0; layer < model.num_hidden_layers; ++layer, next += 9) {
    tensors.layers.push_back({matrices + offsets[next], matrices + offsets[next + 3],
                              matrices + offsets[next + 4], matrices + offsets[next + 6],
                              vectors + offsets[next + 7], vectors + offsets[next + 8]});
  }
  tensors.norm = vectors + offsets[next];
  tensors.head = model.tie_word_embeddings ? matrices : matrices + offsets[next + 1];
  return tensors;
}

}  // namespace templar
