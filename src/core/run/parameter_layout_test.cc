#include "core/run/parameter_layout.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/hash.h"

namespace templar {
namespace {

ModelSpec little_model() {
  return {.vocab_size = 8,
          .hidden_size = 8,
          .num_hidden_layers = 1,
          .num_attention_heads = 2,
          .num_key_value_heads = 1,
          .intermediate_size = 12,
          .tie_word_embeddings = true,
          .initializer_range = 0.02};
}

TEST(ParameterLayout, HasTheNamesShapesAndOrderOfHuggingFaceLlama) {
  ModelSpec model = little_model();
  model.num_hidden_layers = 2;
  model.tie_word_embeddings = false;
  const auto layer = [](int number) -> ParameterLayout {
    const std::string prefix = "model.layers." + std::to_string(number) + ".";
    return {{prefix + "self_attn.q_proj.weight", {8, 8}},     {prefix + "self_attn.k_proj.weight", {4, 8}},
            {prefix + "self_attn.v_proj.weight", {4, 8}},     {prefix + "self_attn.o_proj.weight", {8, 8}},
            {prefix + "mlp.gate_proj.weight", {12, 8}},       {prefix + "mlp.up_proj.weight", {12, 8}},
            {prefix + "mlp.down_proj.weight", {8, 12}},       {prefix + "input_layernorm.weight", {8}},
            {prefix + "post_attention_layernorm.weight", {8}}};
  };
  ParameterLayout expected = {{"model.embed_tokens.weight", {8, 8}}};
  for (int number = 0; number < 2; ++number) {
    for (const ParameterInfo& parameter : layer(number)) expected.push_back(parameter);
  }
  expected.push_back({"model.norm.weight", {8}});
  expected.push_back({"lm_head.weight", {8, 8}});
  EXPECT_EQ(parameter_layout(model), expected);
}

TEST(ParameterLayout, HasEachOfALayersParametersAtItsNamedPlace) {
  ModelSpec model = little_model();
  model.num_hidden_layers = 3;
  const ParameterLayout layout = parameter_layout(model);
  const auto name_at = [&](LayerParameter parameter) { return layout[index_of(2, parameter)].name; };
  EXPECT_EQ(name_at(LayerParameter::kQuery), "model.layers.2.self_attn.q_proj.weight");
  EXPECT_EQ(name_at(LayerParameter::kKey), "model.layers.2.self_attn.k_proj.weight");
  EXPECT_EQ(name_at(LayerParameter::kValue), "model.layers.2.self_attn.v_proj.weight");
  EXPECT_EQ(name_at(LayerParameter::kAttentionOutput), "model.layers.2.self_attn.o_proj.weight");
  EXPECT_EQ(name_at(LayerParameter::kGate), "model.layers.2.mlp.gate_proj.weight");
  EXPECT_EQ(name_at(LayerParameter::kUp), "model.layers.2.mlp.up_proj.weight");
  EXPECT_EQ(name_at(LayerParameter::kDown), "model.layers.2.mlp.down_proj.weight");
  EXPECT_EQ(name_at(LayerParameter::kInputNorm), "model.layers.2.input_layernorm.weight");
  EXPECT_EQ(name_at(LayerParameter::kPostAttentionNorm), "model.layers.2.post_attention_layernorm.weight");
  EXPECT_EQ(layout[first_of_layer(3)].name, "model.norm.weight");
}

TEST(ParameterLayout, HasNoHeadOfItsOwnWhereItIsTiedToTheEmbedding) {
  const ParameterLayout layout = parameter_layout(little_model());
  EXPECT_EQ(layout.back().name, "model.norm.weight");
  // 64 embedding + 2 * 64 q, o + 2 * 32 k, v + 3 * 96 MLP + 3 * 8 norms
  EXPECT_EQ(parameter_count(layout), 568);
}

TEST(ParameterLayout, HasTheKnownSizeOfTheLargestPreset) {
  const RunSpec spec = preset_run_spec("70B").value();
  // 262144 * 8192, tied, + 80 * (2 * 8192^2 + 2 * 1024 * 8192 + 3 * 28672 * 8192 + 2 * 8192) + 8192
  EXPECT_EQ(parameter_count(parameter_layout(spec.model)), 70'599'843'840);
}

// BLAKE2b-256 over all 568 values in order, computed by another implementation of the generator.
TEST(InitialParameters, AreFrozen) {
  const ModelSpec model = little_model();
  const ParameterLayout layout = parameter_layout(model);
  ParameterBuffers parameters(layout);
  initialise_parameters(layout, model, 5, parameters.spans());
  Blake2b hash;
  for (const std::span<const float> values : std::as_const(parameters).spans()) hash.update(as_bytes(values));
  EXPECT_EQ(hash.finish256().hex(), "d7d43a2d96ba721da90724fa89f0a2f3397d67304e394fcb63db11ba83acab39");
}

TEST(InitialParameters, HaveTheWantedSpreadAndNormsOf1) {
  ModelSpec model = little_model();
  model.vocab_size = 5000;
  const ParameterLayout layout = parameter_layout(model);
  ParameterBuffers parameters(layout);
  initialise_parameters(layout, model, 1, parameters.spans());
  double squares = 0;
  for (const float value : parameters.spans()[0]) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(std::sqrt(squares / 40000), 0.02, 0.0005);
  for (const float value : parameters.spans().back()) EXPECT_EQ(value, 1.0f);
}

TEST(ParameterBuffers, StartAtZeroAndKeepTheirPlaceWhenMoved) {
  const ParameterLayout layout = parameter_layout(little_model());
  ParameterBuffers first(layout);
  ASSERT_EQ(first.spans().size(), layout.size());
  for (size_t i = 0; i < layout.size(); ++i) {
    ASSERT_EQ(static_cast<int64_t>(first.spans()[i].size()), layout[i].count());
    for (const float value : first.spans()[i]) EXPECT_EQ(value, 0.0f);
  }
  first.spans()[3][5] = 7.0f;
  const float* place = first.spans()[3].data();
  ParameterBuffers moved = std::move(first);
  EXPECT_EQ(moved.spans()[3].data(), place);
  ParameterBuffers copy(layout);
  copy.copy_from(std::as_const(moved).spans());
  EXPECT_EQ(copy.spans()[3][5], 7.0f);
  copy.fill_zero();
  EXPECT_EQ(copy.spans()[3][5], 0.0f);
  EXPECT_EQ(moved.spans()[3][5], 7.0f);
}

}  // namespace
}  // namespace templar
