#include "node/export/safetensors_export.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/checkpoint/safetensors.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/model_source.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using Indices = std::vector<size_t>;

// Sizes 80, 40, 400, 40 and 40 bytes in f32.
const ParameterLayout kLayout = {{"a", {20}}, {"b", {5, 2}}, {"c", {100}}, {"d", {10}}, {"e", {10}}};

std::vector<Indices> planned(NumberType type, uint64_t max_bytes) {
  std::vector<Indices> parameters;
  for (const SafetensorsShard& shard : plan_shards(kLayout, type, max_bytes))
    parameters.push_back(shard.parameters);
  return parameters;
}

TEST(SafetensorsExport, CutsAModelIntoFilesOfAtMostThatSize) {
  EXPECT_EQ(planned(NumberType::kF32, 600), (std::vector<Indices>{{0, 1, 2, 3, 4}}));
  EXPECT_EQ(planned(NumberType::kF32, 599), (std::vector<Indices>{{0, 1, 2, 3}, {4}}));
  EXPECT_EQ(planned(NumberType::kF32, 120), (std::vector<Indices>{{0, 1}, {2}, {3, 4}}));
  EXPECT_EQ(planned(NumberType::kBf16, 120), (std::vector<Indices>{{0, 1}, {2}, {3, 4}}));
  EXPECT_EQ(planned(NumberType::kF16, 260), (std::vector<Indices>{{0, 1, 2}, {3, 4}}));
  EXPECT_EQ(planned(NumberType::kF32, 1), (std::vector<Indices>{{0}, {1}, {2}, {3}, {4}}));
}

TEST(SafetensorsExport, NamesFilesAsHuggingFaceDoes) {
  EXPECT_EQ(plan_shards(kLayout, NumberType::kF32, 600)[0].file_name, "model.safetensors");
  const auto shards = plan_shards(kLayout, NumberType::kF32, 120);
  EXPECT_EQ(shards[0].file_name, "model-00001-of-00003.safetensors");
  EXPECT_EQ(shards[2].file_name, "model-00003-of-00003.safetensors");
  const auto index = nlohmann::json::parse(safetensors_index(kLayout, NumberType::kF32, shards));
  EXPECT_EQ(index["metadata"]["total_size"], 600);
  EXPECT_EQ(index["weight_map"].size(), 5);
  EXPECT_EQ(index["weight_map"]["c"], "model-00002-of-00003.safetensors");
}

class SafetensorsFile : public ::testing::Test {
 protected:
  SmallModel model_{export_run_spec()};
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "out.safetensors";
};

TEST_F(SafetensorsFile, HoldsEveryParameterExactlyInF32) {
  ASSERT_TRUE(export_safetensors(source_of(model_), NumberType::kF32, file_, {}));
  const auto mapped = MappedSafetensors::open(file_);
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_EQ(mapped->header().data_begin % 64, 0);
  EXPECT_EQ(mapped->header().metadata.at("format"), "pt");
  ASSERT_TRUE(match_layout(mapped->header(), model_.layout));
  for (size_t i = 0; i < model_.layout.size(); ++i) {
    std::vector<float> values(model_.parameters.spans()[i].size());
    ASSERT_TRUE(mapped->copy_f32(model_.layout[i], values));
    EXPECT_TRUE(std::ranges::equal(values, model_.parameters.spans()[i])) << model_.layout[i].name;
  }
}

TEST_F(SafetensorsFile, HoldsTwoBytesAValueInBf16) {
  model_.parameters.spans()[0][1] = -2.5F;  // 0xc020 in bf16
  ASSERT_TRUE(export_safetensors(source_of(model_), NumberType::kBf16, file_, {}));
  const auto mapped = MappedSafetensors::open(file_);
  ASSERT_TRUE(mapped) << mapped.error().message;
  const SafetensorsEntry& first = mapped->header().tensors.front();
  EXPECT_EQ(first.name, model_.layout[0].name);
  EXPECT_EQ(first.dtype, "BF16");
  EXPECT_EQ(first.shape, model_.layout[0].shape);
  EXPECT_EQ(mapped->bytes(first)[2], 0x20);
  EXPECT_EQ(mapped->bytes(first)[3], 0xc0);
  EXPECT_EQ(mapped->header().tensors.size(), model_.layout.size());
}

TEST_F(SafetensorsFile, LeavesNothingWhereItIsInterruptedOrAValueHasNoPlace) {
  const auto stop = [](uint64_t, uint64_t) { return false; };
  EXPECT_TRUE(fails(export_safetensors(source_of(model_), NumberType::kF32, file_, stop), ErrorKind::kFatal,
                    "interrupted"));
  model_.parameters.spans()[3][0] = 1e5F;
  EXPECT_TRUE(fails(export_safetensors(source_of(model_), NumberType::kF16, file_, {}), ErrorKind::kFatal,
                    model_.layout[3].name));
  EXPECT_EQ(files_in(folder_.path()), 0);
}

TEST_F(SafetensorsFile, CountsAllBytesAsProgress) {
  uint64_t last = 0;
  ASSERT_TRUE(
      export_safetensors(source_of(model_), NumberType::kF32, file_, [&](uint64_t done, uint64_t total) {
        EXPECT_EQ(total, static_cast<uint64_t>(parameter_count(model_.layout)) * 4);
        last = done;
        return true;
      }));
  EXPECT_EQ(last, std::filesystem::file_size(file_));
}

}  // namespace
}  // namespace templar::testing
