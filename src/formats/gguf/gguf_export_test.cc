#include "formats/gguf/gguf_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/exported_model.h"
#include "support/file_content.h"
#include "support/gguf_reader.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

class GgufExport : public ::testing::Test {
 protected:
  [[nodiscard]] GgufFile exported(NumberType type = NumberType::kF32) {
    const Status status = export_gguf(source_of(run_), type, file_, {});
    EXPECT_TRUE(status) << status.error().message;
    return GgufReader(text_of(file_)).read();
  }
  [[nodiscard]] std::span<const float> parameter(const std::string& name) const {
    for (size_t i = 0; i < run_.layout.size(); ++i) {
      if (run_.layout[i].name == name) return run_.parameters.spans()[i];
    }
    ADD_FAILURE() << name;
    return {};
  }

  TestRun run_{export_run_spec()};
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "model.gguf";
};

TEST_F(GgufExport, SaysWhatLlamaCppAsksOfAModel) {
  const GgufFile file = exported();
  EXPECT_EQ(file.get<std::string>("general.architecture"), "llama");
  EXPECT_EQ(file.get<std::string>("general.name"), "small");
  EXPECT_EQ(file.get<uint64_t>("general.file_type"), 0);
  const auto number = [&](const std::string& key) { return file.get<uint64_t>("llama." + key); };
  EXPECT_EQ(number("vocab_size"), 260);
  EXPECT_EQ(number("context_length"), 16);
  EXPECT_EQ(number("embedding_length"), 24);
  EXPECT_EQ(number("block_count"), 2);
  EXPECT_EQ(number("feed_forward_length"), 40);
  EXPECT_EQ(number("attention.head_count"), 4);
  EXPECT_EQ(number("attention.head_count_kv"), 2);
  EXPECT_EQ(number("rope.dimension_count"), 6);
  EXPECT_FLOAT_EQ(file.get<double>("llama.rope.freq_base"), run_.spec.model.rope_theta);
  EXPECT_FLOAT_EQ(file.get<double>("llama.attention.layer_norm_rms_epsilon"), run_.spec.model.rms_norm_eps);
}

TEST_F(GgufExport, HoldsEveryParameterUnderItsName) {
  const GgufFile file = exported();
  EXPECT_EQ(file.tensors.size(), run_.layout.size());
  const std::vector<std::pair<std::string, std::string>> names = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"blk.1.attn_v.weight", "model.layers.1.self_attn.v_proj.weight"},
      {"blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight"},
      {"blk.1.ffn_gate.weight", "model.layers.1.mlp.gate_proj.weight"},
      {"blk.0.ffn_up.weight", "model.layers.0.mlp.up_proj.weight"},
      {"blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"},
      {"blk.1.attn_norm.weight", "model.layers.1.input_layernorm.weight"},
      {"blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"}};
  for (const auto& [theirs, ours] : names) {
    EXPECT_THAT(file.f32(theirs), ::testing::ElementsAreArray(parameter(ours))) << theirs;
  }
  EXPECT_EQ(file.tensors.at("blk.1.ffn_down.weight").dimensions, (std::vector<uint64_t>{40, 24}))
      << "columns first";
}

// A head of 6: rows 0 1 2 are the first half, 3 4 5 the second; neighbours are wanted: 0 3 1 4 2 5.
TEST_F(GgufExport, PutsTheRotatedHalvesOfAHeadSideBySide) {
  const GgufFile file = exported();
  const std::vector<size_t> within = {0, 3, 1, 4, 2, 5};
  for (const auto& [theirs, ours, heads] :
       {std::tuple{"blk.1.attn_q.weight", "model.layers.1.self_attn.q_proj.weight", 4},
        std::tuple{"blk.0.attn_k.weight", "model.layers.0.self_attn.k_proj.weight", 2}}) {
    const std::vector<float> got = file.f32(theirs);
    const std::span<const float> from = parameter(ours);
    ASSERT_EQ(got.size(), static_cast<size_t>(heads) * 6 * 24);
    for (size_t row = 0; row < got.size() / 24; ++row) {
      const size_t source = row / 6 * 6 + within[row % 6];
      for (size_t column = 0; column < 24; ++column)
        ASSERT_EQ(got[row * 24 + column], from[source * 24 + column]) << theirs << " row " << row;
    }
  }
}

TEST_F(GgufExport, KeepsNormsInF32) {
  for (const auto& [type, file_type, tensor_type] :
       {std::tuple{NumberType::kF16, 1, 1}, std::tuple{NumberType::kBf16, 32, 30}}) {
    const GgufFile file = exported(type);
    EXPECT_EQ(file.get<uint64_t>("general.file_type"), file_type);
    EXPECT_EQ(file.tensors.at("blk.0.attn_q.weight").type, tensor_type);
    EXPECT_EQ(file.tensors.at("token_embd.weight").type, tensor_type);
    EXPECT_EQ(file.tensors.at("blk.0.attn_norm.weight").type, 0);
  }
}

TEST_F(GgufExport, LeavesOutATiedHead) {
  RunSpec spec = export_run_spec();
  spec.model.tie_word_embeddings = true;
  const TestRun tied(spec);
  ASSERT_TRUE(export_gguf(source_of(tied), NumberType::kF32, file_, {}));
  EXPECT_FALSE(GgufReader(text_of(file_)).read().tensors.contains("output.weight"));
}

TEST_F(GgufExport, LeavesNothingWhereItFails) {
  ModelSource source = source_of(run_);
  source.read = [](size_t) -> Result<std::span<const float>> { return retry_error("the disk is away"); };
  EXPECT_TRUE(fails(export_gguf(source, NumberType::kF32, file_, {}), ErrorKind::kRetry, "the disk is away"));
  source.tokenizer = {{"tokenizer.json", {'{', '}'}}};
  EXPECT_TRUE(fails(export_gguf(source, NumberType::kF32, file_, {}), ErrorKind::kFatal, "tokenizer"));
  EXPECT_EQ(files_in(folder_.path()), 0);
}

}  // namespace
}  // namespace templar::testing
