#include "core/run/parameter_layout.h"

#include <algorithm>

#include "base/check.h"
#include "base/random.h"

namespace templar {

ParameterLayout parameter_layout(const ModelSpec& model) {
  const int64_t hidden = model.hidden_size;
  const int64_t query = model.query_width();
  const int64_t key_value = model.key_value_width();
  ParameterLayout layout;
  layout.push_back({"model.embed_tokens.weight", {model.vocab_size, hidden}});
  for (int64_t layer = 0; layer < model.num_hidden_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    layout.push_back({prefix + "self_attn.q_proj.weight", {query, hidden}});
    layout.push_back({prefix + "self_attn.k_proj.weight", {key_value, hidden}});
    layout.push_back({prefix + "self_attn.v_proj.weight", {key_value, hidden}});
    layout.push_back({prefix + "self_attn.o_proj.weight", {hidden, query}});
    layout.push_back({prefix + "mlp.gate_proj.weight", {model.intermediate_size, hidden}});
    layout.push_back({prefix + "mlp.up_proj.weight", {model.intermediate_size, hidden}});
    layout.push_back({prefix + "mlp.down_proj.weight", {hidden, model.intermediate_size}});
    layout.push_back({prefix + "input_layernorm.weight", {hidden}});
    layout.push_back({prefix + "post_attention_layernorm.weight", {hidden}});
  }
  layout.push_back({"model.norm.weight", {hidden}});
  if (!model.tie_word_embeddings) layout.push_back({"lm_head.weight", {model.vocab_size, hidden}});
  return layout;
}

int64_t parameter_count(const ParameterLayout& layout) {
  int64_t total = 0;
  for (const ParameterInfo& parameter : layout) total += parameter.count();
  return total;
}

void copy_parameters(ConstParameterSpans from, ParameterSpans to) {
  CHECK(from.size() == to.size());
  for (size_t i = 0; i < from.size(); ++i) {
    CHECK(from[i].size() == to[i].size());
    std::ranges::copy(from[i], to[i].begin());
  }
}

ParameterBuffers::ParameterBuffers(const ParameterLayout& layout) : values_(parameter_count(layout), 0.0f) {
  size_t offset = 0;
  for (const ParameterInfo& parameter : layout) {
    const size_t count = parameter.count();
    spans_.emplace_back(values_.data() + offset, count);
    const_spans_.emplace_back(values_.data() + offset, count);
    offset += count;
  }
}

void ParameterBuffers::fill_zero() {
  std::ranges::fill(values_, 0.0f);
}

void initialise_parameters(const ParameterLayout& layout, const ModelSpec& model, uint64_t seed,
                           ParameterSpans parameters) {
  CHECK(layout.size() == parameters.size());
  for (size_t i = 0; i < layout.size(); ++i) {
    if (layout[i].shape.size() == 1) {
      std::ranges::fill(parameters[i], 1.0f);
      continue;
    }
    Random random(seed, layout[i].name);
    for (float& value : parameters[i]) value = static_cast<float>(random.normal() * model.initializer_range);
  }
}

}  // namespace templar
