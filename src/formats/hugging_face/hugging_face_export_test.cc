#include "formats/hugging_face/hugging_face_export.h"

#include <gtest/gtest.h>

#include <set>

#include "formats/safetensors/safetensors.h"
#include "support/expect_failure.h"
#include "support/exported_model.h"
#include "support/file_content.h"
#include "support/json_values.h"
#include "support/sentencepiece_message.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

class HuggingFaceExport : public ::testing::Test {
 protected:
  [[nodiscard]] Json json(const std::string& name) const {
    return testing::parsed_json(text_of(out_ / name));
  }

  TestRun run_{export_run_spec()};
  TemporaryFolder folder_;
  fs::path out_ = folder_ / "model";
};

TEST_F(HuggingFaceExport, WritesADirectoryOfModelConfigAndTokenizer) {
  ASSERT_TRUE(export_hugging_face(source_of(run_), NumberType::kF32, out_, 1 << 30, {}));
  EXPECT_EQ(names_in(out_), (std::set<std::string>{"config.json", "model.safetensors", "tokenizer.json",
                                                   "tokenizer_config.json"}));
  const Json config = json("config.json");
  EXPECT_EQ(config.at("architectures").at(0), "LlamaForCausalLM");
  EXPECT_EQ(config.at("torch_dtype"), "float32");
  EXPECT_EQ(config.at("vocab_size"), 260);
  EXPECT_EQ(config.at("num_key_value_heads"), 2);
  EXPECT_EQ(config.at("max_position_embeddings"), 16);
  EXPECT_EQ(config.at("eos_token_id"), 0) << "the byte tokenizer's separator";
  EXPECT_EQ(json("tokenizer.json").at("model").at("vocab").at("a"), 97);
}

TEST_F(HuggingFaceExport, NamesTheTypeOfTheNumbers) {
  ASSERT_TRUE(export_hugging_face(source_of(run_), NumberType::kBf16, out_, 1 << 30, {}));
  EXPECT_EQ(json("config.json").at("torch_dtype"), "bfloat16");
  ASSERT_TRUE(export_hugging_face(source_of(run_), NumberType::kF16, out_, 1 << 30, {}));
  EXPECT_EQ(json("config.json").at("torch_dtype"), "float16");
}

TEST_F(HuggingFaceExport, SpreadsALargeModelOverFilesWithAnIndex) {
  constexpr uint64_t kLargest = 30'000;
  ASSERT_TRUE(export_hugging_face(source_of(run_), NumberType::kF32, out_, kLargest, {}));
  const Json map = json("model.safetensors.index.json").at("weight_map");
  EXPECT_EQ(map.size(), run_.layout.size());
  std::set<std::string> files;
  for (size_t i = 0; i < run_.layout.size(); ++i) {
    const auto file = testing::as<std::string>(map.at(run_.layout[i].name));
    files.insert(file);
    const auto mapped = MappedSafetensors::open(out_ / file);
    ASSERT_TRUE(mapped) << mapped.error().message;
    std::vector<float> values(run_.parameters.spans()[i].size());
    ASSERT_TRUE(mapped->copy_f32(run_.layout[i], values));
    EXPECT_TRUE(std::ranges::equal(values, run_.parameters.spans()[i]));
  }
  EXPECT_GT(files.size(), 1);
  EXPECT_FALSE(fs::exists(out_ / "model.safetensors"));
}

TEST_F(HuggingFaceExport, LeavesTheOldDirectoryWhereItFails) {
  ASSERT_TRUE(export_hugging_face(source_of(run_), NumberType::kF32, out_, 1 << 30, {}));
  const std::string before = text_of(out_ / "model.safetensors");
  run_.parameters.spans()[2][0] = 1e5F;
  EXPECT_TRUE(fails(export_hugging_face(source_of(run_), NumberType::kF16, out_, 1 << 30, {}),
                    ErrorKind::kFatal, "beyond the range of f16"));
  EXPECT_EQ(text_of(out_ / "model.safetensors"), before);
  EXPECT_EQ(files_in(folder_.path()), 1);
}

TEST_F(HuggingFaceExport, TellsHuggingFaceWhetherASpaceIsPutBeforeAText) {
  const auto bytes = [](const std::string& text) { return Bytes(text.begin(), text.end()); };
  ModelSource source = source_of(run_);
  const std::string config = R"({"tokenizer_class": "LlamaTokenizer", "legacy": false})";
  source.tokenizer = {{"tokenizer.model", bytes(sentencepiece_message())},
                      {"tokenizer_config.json", bytes(config)}};
  ASSERT_TRUE(export_hugging_face(source, NumberType::kF32, out_, 1 << 30, {}));
  EXPECT_EQ(text_of(out_ / "tokenizer.model"), sentencepiece_message());
  EXPECT_EQ(json("tokenizer_config.json").at("tokenizer_class"), "LlamaTokenizer");
  EXPECT_EQ(json("tokenizer_config.json").at("add_prefix_space"), false);
  EXPECT_EQ(json("config.json").at("eos_token_id"), 2);
  const std::string with_space = sentencepiece_pieces() + sentencepiece_trainer();
  source.tokenizer[0].content = bytes(with_space);
  ASSERT_TRUE(export_hugging_face(source, NumberType::kF32, out_, 1 << 30, {}));
  EXPECT_EQ(json("tokenizer_config.json").at("add_prefix_space"), true);
}

TEST_F(HuggingFaceExport, GoesWithoutATokenizerThatIsNotThere) {
  ModelSource source = source_of(run_);
  source.tokenizer.clear();
  ASSERT_TRUE(export_hugging_face(source, NumberType::kF32, out_, 1 << 30, {}));
  EXPECT_EQ(files_in(out_), 2);
  EXPECT_TRUE(json("config.json").at("eos_token_id").is_null());
}

}  // namespace
}  // namespace templar::testing
