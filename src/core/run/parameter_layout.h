// Which parameters the model has: names, shapes, and the canonical order in which all nodes hash, send and
// add them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/large_pages.h"
#include "core/run/run_spec.h"

namespace templar {

struct ParameterInfo {
  std::string name;  // as Hugging Face has it: "model.layers.0.self_attn.q_proj.weight"
  // [rows, columns] or [size]; a weight matrix is [out_features, in_features], row-major.
  std::vector<int64_t> shape;

  [[nodiscard]] int64_t count() const {
    int64_t product = 1;
    for (int64_t dimension : shape) product *= dimension;
    return product;
  }
  bool operator==(const ParameterInfo&) const = default;
};

using ParameterLayout = std::vector<ParameterInfo>;

// Canonical order: embed_tokens; per layer q, k, v, o, gate, up, down, input_layernorm,
// post_attention_layernorm; norm; lm_head unless it is tied to the embedding.
[[nodiscard]] ParameterLayout parameter_layout(const ModelSpec& model);

// A layer's parameters, in canonical order.
enum class LayerParameter : int64_t {
  kQuery,
  kKey,
  kValue,
  kAttentionOutput,
  kGate,
  kUp,
  kDown,
  kInputNorm,
  kPostAttentionNorm,
};
constexpr int64_t kLayerParameters = 9;

// Index in the layout. The embedding is at 0, before the first layer; with layer = num_hidden_layers it is
// where the final norm is, and the head behind it.
[[nodiscard]] constexpr int64_t first_of_layer(int64_t layer) {
  return 1 + layer * kLayerParameters;
}
[[nodiscard]] constexpr int64_t index_of(int64_t layer, LayerParameter parameter) {
  return first_of_layer(layer) + std::to_underlying(parameter);
}
[[nodiscard]] int64_t parameter_count(const ParameterLayout& layout);

// A model's values: one span a parameter, in the layout's order, f32, row-major. Not owned.
using ParameterSpans = std::span<const std::span<float>>;
using ConstParameterSpans = std::span<const std::span<const float>>;

// Both must have the same layout (CHECK).
void copy_parameters(ConstParameterSpans from, ParameterSpans to);

// Storage for one set of values of a layout, zero at first; spans stay valid as long as the object (also when
// moved).
class ParameterBuffers {
 public:
  explicit ParameterBuffers(const ParameterLayout& layout);
  ParameterBuffers(const ParameterBuffers&) = delete;
  ParameterBuffers& operator=(const ParameterBuffers&) = delete;
  ParameterBuffers(ParameterBuffers&&) = default;
  ParameterBuffers& operator=(ParameterBuffers&&) = default;

  [[nodiscard]] ParameterSpans spans() { return spans_; }
  [[nodiscard]] ConstParameterSpans spans() const { return const_spans_; }
  // All values, side by side in canonical order.
  [[nodiscard]] float* data() { return values_.data(); }
  [[nodiscard]] const float* data() const { return values_.data(); }
  void fill_zero();
  void copy_from(ConstParameterSpans values) { copy_parameters(values, spans_); }

 private:
  std::vector<float, LargePageAllocator<float>> values_;
  std::vector<std::span<float>> spans_;
  std::vector<std::span<const float>> const_spans_;
};

// The model that every node starts from: matrices normal with model.initializer_range, norms 1; bit-exact on
// every machine (a stream of our own generator for each parameter's name).
void initialise_parameters(const ParameterLayout& layout, const ModelSpec& model, uint64_t seed,
                           ParameterSpans parameters);

}  // namespace templar
