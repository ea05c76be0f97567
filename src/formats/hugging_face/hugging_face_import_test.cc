#include "formats/hugging_face/hugging_face_import.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <optional>

#include "base/bfloat16.h"
#include "base/files/file.h"
#include "formats/hugging_face/hugging_face_config.h"
#include "formats/hugging_face/hugging_face_export.h"
#include "support/expect_failure.h"
#include "support/exported_model.h"
#include "support/file_content.h"
#include "support/json_values.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

Json config_of(const RunSpec& spec) {
  return hugging_face_config(spec.model, spec.inner.sequence_length);
}

// The config with one field set, parsed.
Result<HuggingFaceShape> parsed_with(const char* field, Json value) {
  Json config = config_of(export_run_spec());
  config[field] = std::move(value);
  return parse_hugging_face_config(to_text(config));
}

TEST(ParseHuggingFaceConfig, ReadsWhatIsExported) {
  const RunSpec spec = export_run_spec();
  const auto shape = parse_hugging_face_config(to_text(config_of(spec)));
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(parameter_layout(shape->model), parameter_layout(spec.model));
  EXPECT_EQ(shape->model.rope_theta, spec.model.rope_theta);
  EXPECT_EQ(shape->model.rms_norm_eps, spec.model.rms_norm_eps);
  EXPECT_EQ(shape->model.initializer_range, spec.model.initializer_range);
  EXPECT_EQ(shape->sequence_length, spec.inner.sequence_length);
}

TEST(ParseHuggingFaceConfig, TakesTheRotationFromEitherField) {
  const Json parameters = JsonObject{{"rope_type", "default"}, {"rope_theta", 250000.0}};
  EXPECT_EQ(parsed_with("rope_parameters", parameters).value().model.rope_theta, 250000.0);
  EXPECT_EQ(parsed_with("rope_theta", 77).value().model.rope_theta, 77.0);
  EXPECT_TRUE(parsed_with("rope_scaling", JsonObject{{"rope_type", "default"}}));
  EXPECT_TRUE(parsed_with("rope_scaling", JsonObject{{"type", "default"}}));
}

TEST(ParseHuggingFaceConfig, FillsInWhatTransformersWouldFillIn) {
  const auto shape = parse_hugging_face_config(R"({"model_type": "llama", "vocab_size": 10, "hidden_size": 16,
      "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8})");
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->model.num_key_value_heads, 2);
  EXPECT_EQ(shape->model.rope_theta, 10000.0);
  EXPECT_EQ(shape->model.rms_norm_eps, 1e-6);
  EXPECT_FALSE(shape->model.tie_word_embeddings);
  EXPECT_EQ(shape->sequence_length, 2048);
}

TEST(ParseHuggingFaceConfig, RefusesByItsNameWhatIsNotComputedHere) {
  const auto refuses = [](const char* field, Json value, const char* text) {
    return fails(parsed_with(field, std::move(value)), ErrorKind::kFatal, text);
  };
  EXPECT_TRUE(
      refuses("architectures", JsonList{"MistralForCausalLM"}, "architectures: [\"MistralForCausalLM\"]"));
  EXPECT_TRUE(refuses("model_type", "qwen2", "model_type: \"qwen2\""));
  EXPECT_TRUE(refuses("hidden_act", "gelu", "hidden_act: \"gelu\""));
  EXPECT_TRUE(refuses("attention_bias", true, "attention_bias: true, which is not computed here"));
  EXPECT_TRUE(refuses("mlp_bias", true, "mlp_bias: true"));
  EXPECT_TRUE(refuses("sliding_window", 4096, "sliding_window: is set"));
  EXPECT_TRUE(refuses("use_sliding_window", true, "use_sliding_window: true"));
  EXPECT_TRUE(refuses("layer_types", JsonList{"sliding_attention"}, "layer_types: is set"));
  EXPECT_TRUE(refuses("quantization_config", JsonObject{{"bits", 4}}, "quantization_config: is set"));
  EXPECT_TRUE(refuses("partial_rotary_factor", 0.5, "partial_rotary_factor: 0.5"));
  EXPECT_TRUE(
      refuses("rope_scaling", JsonObject{{"rope_type", "llama3"}}, "rope_scaling: rope_type: \"llama3\""));
  EXPECT_TRUE(refuses("rope_scaling", JsonObject{{"type", "linear"}, {"factor", 2.0}},
                      "rope_scaling: type: \"linear\""));
  EXPECT_TRUE(refuses("rope_scaling", JsonObject{{"factor", 2.0}}, "rope_scaling: factor 2"));
  EXPECT_TRUE(
      refuses("rope_parameters", JsonObject{{"rope_type", "yarn"}}, "rope_parameters: rope_type: \"yarn\""));
}

TEST(ParseHuggingFaceConfig, TakesHeadsOfTheirOwnSize) {
  ModelSpec model = parsed_with("head_dim", 8).value().model;
  EXPECT_EQ(model.head_dim, 8);
  EXPECT_EQ(model.query_width(), 8 * model.num_attention_heads);
  const Json exported = hugging_face_config(model, 64);
  EXPECT_EQ(exported.at("head_dim"), Json(8));
  EXPECT_EQ(parse_hugging_face_config(to_text(exported)).value().model.head_dim, 8);
  // Said, and the default: the same run spec as without it.
  model = export_run_spec().model;
  EXPECT_EQ(parsed_with("head_dim", model.head_width()).value().model.head_dim, 0);
  EXPECT_TRUE(fails(parsed_with("head_dim", 3), ErrorKind::kFatal, "head_dim: 3 is odd"));
}

TEST(ParseHuggingFaceConfig, RefusesWhatMakesNoSense) {
  const auto refuses = [](const char* field, Json value, const char* text) {
    return fails(parsed_with(field, std::move(value)), ErrorKind::kFatal, text);
  };
  EXPECT_TRUE(refuses("hidden_size", nullptr, "hidden_size: missing"));
  EXPECT_TRUE(refuses("hidden_size", 0, "hidden_size: 0 is no size"));
  EXPECT_TRUE(refuses("vocab_size", int64_t{1} << 40, "vocab_size: 1099511627776 is no size"));
  EXPECT_TRUE(refuses("num_hidden_layers", 5000, "num_hidden_layers: 5000 are more than 4096"));
  EXPECT_TRUE(fails(parse_hugging_face_config(R"({"model_type": "llama", "vocab_size": 10, "hidden_size": 16,
      "num_hidden_layers": 1, "num_attention_heads": 7, "intermediate_size": 8})"),
                    ErrorKind::kFatal, "num_attention_heads: 7 do not divide hidden_size 16"));
  EXPECT_TRUE(refuses("num_key_value_heads", 3, "num_key_value_heads: 3 do not divide"));
  EXPECT_TRUE(refuses("rope_theta", -1, "rope_theta: -1 is not above 0"));
  EXPECT_TRUE(refuses("tie_word_embeddings", "no", "tie_word_embeddings: must be true or false"));
  EXPECT_TRUE(refuses("rope_parameters", 5, "rope_parameters: must be an object"));
  EXPECT_TRUE(fails(parse_hugging_face_config("[]"), ErrorKind::kFatal, "must be a JSON object"));
}

class HuggingFaceImport : public ::testing::Test {
 protected:
  void write(const RunSpec& spec, NumberType type, uint64_t shard_bytes = 1 << 30) {
    run_.emplace(spec);
    ASSERT_TRUE(export_hugging_face(source_of(*run_), type, out_, shard_bytes, {}));
  }
  // Every parameter as the model has it, after `rounded`.
  template <typename Rounded>
  void expect_parameters(const Rounded& rounded) const {
    const auto source = open_hugging_face(out_);
    ASSERT_TRUE(source) << source.error().message;
    const ParameterLayout layout = parameter_layout(source->model);
    ASSERT_EQ(layout, parameter_layout(run_->spec.model));
    for (size_t i = 0; i < layout.size(); ++i) {
      const std::span<const float> read = source->read(i).value();
      const std::span<const float> wanted = run_->values()[i];
      ASSERT_EQ(read.size(), wanted.size());
      for (size_t k = 0; k < read.size(); ++k) {
        ASSERT_EQ(std::bit_cast<uint32_t>(read[k]), std::bit_cast<uint32_t>(rounded(wanted[k])))
            << layout[i].name << " " << k;
      }
    }
  }
  void change_config(const char* field, Json value) const {
    Json config = parsed_json(text_of(out_ / "config.json"));
    config[field] = std::move(value);
    ASSERT_TRUE(write_file_atomically(out_ / "config.json", as_bytes(to_text(config))));
  }

  std::optional<TestRun> run_;
  TemporaryFolder folder_;
  fs::path out_ = folder_ / "model";
};

TEST_F(HuggingFaceImport, ReadsAnExportBitForBit) {
  write(export_run_spec(), NumberType::kF32);
  expect_parameters([](float value) { return value; });
  EXPECT_TRUE(is_hugging_face_folder(out_));
  const auto source = open_hugging_face(out_);
  ASSERT_EQ(source->tokenizer.size(), 2);
  EXPECT_EQ(source->tokenizer[0].name, "tokenizer.json");
  EXPECT_EQ(source->name, "model");
}

TEST_F(HuggingFaceImport, ReadsShardsByTheirIndex) {
  write(export_run_spec(), NumberType::kF32, 30'000);
  EXPECT_FALSE(fs::exists(out_ / "model.safetensors"));
  expect_parameters([](float value) { return value; });
}

TEST_F(HuggingFaceImport, WidensBf16AndF16) {
  write(export_run_spec(), NumberType::kBf16);
  expect_parameters([](float value) { return to_float(to_bf16(value)); });
  fs::remove_all(out_);
  write(export_run_spec(), NumberType::kF16);
  // A half has eleven bits, and below 2^-14 steps of 2^-24.
  expect_parameters([](float value) {
    const int exponent = std::max(std::ilogb(value == 0 ? 1.0F : value), -14);
    return std::ldexp(std::nearbyint(std::ldexp(value, 10 - exponent)), exponent - 10);
  });
}

TEST_F(HuggingFaceImport, NeedsNoHeadWhereItIsTied) {
  RunSpec spec = export_run_spec();
  spec.model.tie_word_embeddings = !spec.model.tie_word_embeddings;
  write(spec, NumberType::kF32);
  expect_parameters([](float value) { return value; });
  spec.model.tie_word_embeddings = !spec.model.tie_word_embeddings;
  fs::remove_all(out_);
  write(spec, NumberType::kF32);
  expect_parameters([](float value) { return value; });
  // A head that the config does not expect is the embedding once more; one that it expects must be there.
  if (spec.model.tie_word_embeddings) {
    change_config("tie_word_embeddings", false);
    EXPECT_TRUE(fails(open_hugging_face(out_), ErrorKind::kFatal, "lm_head.weight is missing"));
  } else {
    change_config("tie_word_embeddings", true);
    EXPECT_TRUE(open_hugging_face(out_));
  }
}

TEST_F(HuggingFaceImport, RefusesADirectoryByTheFieldOrTensor) {
  write(export_run_spec(), NumberType::kF32);
  const int64_t layers = run_->spec.model.num_hidden_layers;
  change_config("rope_scaling", JsonObject{{"rope_type", "llama3"}});
  EXPECT_TRUE(fails(open_hugging_face(out_), ErrorKind::kFatal, "config.json: rope_scaling: rope_type"));
  change_config("rope_scaling", nullptr);
  change_config("num_hidden_layers", layers + 1);
  EXPECT_TRUE(fails(open_hugging_face(out_), ErrorKind::kFatal, "self_attn.q_proj.weight is missing"));
  change_config("num_hidden_layers", layers - 1);
  EXPECT_TRUE(fails(open_hugging_face(out_), ErrorKind::kFatal, " is not computed here"));
  change_config("num_hidden_layers", layers);
  change_config("vocab_size", 300);
  EXPECT_TRUE(fails(open_hugging_face(out_), ErrorKind::kFatal, "model.embed_tokens.weight is [260, "));
}

TEST_F(HuggingFaceImport, NamesTheFileThatIsNotThere) {
  EXPECT_FALSE(is_hugging_face_folder(out_));
  EXPECT_TRUE(fails(open_hugging_face(out_), ErrorKind::kFatal, "config.json"));
  write(export_run_spec(), NumberType::kF32);
  fs::remove(out_ / "model.safetensors");
  EXPECT_TRUE(fails(open_hugging_face(out_), ErrorKind::kFatal,
                    "neither model.safetensors nor model.safetensors.index.json"));
  ASSERT_TRUE(write_file_atomically(out_ / "pytorch_model.bin", ByteView()));
  EXPECT_TRUE(
      fails(open_hugging_face(out_), ErrorKind::kFatal, "pytorch_model.bin is not read: save the model"));
  const auto with_index = [&](std::string_view index) {
    EXPECT_TRUE(write_file_atomically(out_ / "model.safetensors.index.json", as_bytes(index)));
    return open_hugging_face(out_);
  };
  EXPECT_TRUE(fails(with_index("{}"), ErrorKind::kFatal, "index.json: weight_map: missing"));
  EXPECT_TRUE(fails(with_index(R"({"weight_map": {"a": "../x.safetensors"}})"), ErrorKind::kFatal,
                    "a lies in no file of this folder"));
  EXPECT_TRUE(fails(with_index(R"({"weight_map": {"a": "none.safetensors"}})"), ErrorKind::kFatal,
                    "none.safetensors"));
}

}  // namespace
}  // namespace templar::testing
