#include "formats/safetensors/safetensors_export.h"

#include <gtest/gtest.h>

#include "formats/safetensors/safetensors.h"
#include "support/expect_failure.h"
#include "support/exported_model.h"
#include "support/file_content.h"
#include "support/json_values.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

TEST(SafetensorsExport, CutsByTheSizeThatParametersHaveInTheirType) {
  // 80, 40, 400, 40 and 40 bytes in f32.
  const ParameterLayout layout = {{"a", {20}}, {"b", {5, 2}}, {"c", {100}}, {"d", {10}}, {"e", {10}}};
  const auto files = [&](NumberType type, uint64_t max_bytes) {
    return plan_shards(layout, max_bytes, safetensors_type(type)).size();
  };
  EXPECT_EQ(files(NumberType::kF32, 599), 2u);
  EXPECT_EQ(files(NumberType::kBf16, 300), 1u);
  EXPECT_EQ(files(NumberType::kF16, 299), 2u);
  const auto index = testing::parsed_json(
      model_index(layout, plan_shards(layout, 600), safetensors_type(NumberType::kBf16)));
  EXPECT_EQ(index.at("metadata").at("total_size"), 300);
}

class SafetensorsFile : public ::testing::Test {
 protected:
  TestRun run_{export_run_spec()};
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "out.safetensors";
};

TEST_F(SafetensorsFile, HoldsEveryParameterExactlyInF32) {
  ASSERT_TRUE(export_safetensors(source_of(run_), NumberType::kF32, file_, {}));
  const auto mapped = MappedSafetensors::open(file_);
  ASSERT_TRUE(mapped) << mapped.error().message;
  EXPECT_EQ(mapped->header().data_begin % 64, 0);
  EXPECT_EQ(mapped->header().metadata.at("format"), "pt");
  ASSERT_TRUE(match_layout(mapped->header(), run_.layout));
  for (size_t i = 0; i < run_.layout.size(); ++i) {
    std::vector<float> values(run_.parameters.spans()[i].size());
    ASSERT_TRUE(mapped->copy_f32(run_.layout[i], values));
    EXPECT_TRUE(std::ranges::equal(values, run_.parameters.spans()[i])) << run_.layout[i].name;
  }
}

TEST_F(SafetensorsFile, HoldsTwoBytesAValueInBf16) {
  run_.parameters.spans()[0][1] = -2.5F;  // 0xc020 in bf16
  ASSERT_TRUE(export_safetensors(source_of(run_), NumberType::kBf16, file_, {}));
  const auto mapped = MappedSafetensors::open(file_);
  ASSERT_TRUE(mapped) << mapped.error().message;
  const SafetensorsEntry& first = mapped->header().tensors.front();
  EXPECT_EQ(first.name, run_.layout[0].name);
  EXPECT_EQ(first.dtype, "BF16");
  EXPECT_EQ(first.shape, run_.layout[0].shape);
  EXPECT_EQ(mapped->bytes(first)[2], 0x20);
  EXPECT_EQ(mapped->bytes(first)[3], 0xc0);
  EXPECT_EQ(mapped->header().tensors.size(), run_.layout.size());
}

TEST_F(SafetensorsFile, LeavesNothingWhereItIsInterruptedOrAValueHasNoPlace) {
  const auto stop = [](uint64_t, uint64_t) { return false; };
  EXPECT_TRUE(fails(export_safetensors(source_of(run_), NumberType::kF32, file_, stop), ErrorKind::kFatal,
                    "interrupted"));
  run_.parameters.spans()[3][0] = 1e5F;
  EXPECT_TRUE(fails(export_safetensors(source_of(run_), NumberType::kF16, file_, {}), ErrorKind::kFatal,
                    run_.layout[3].name));
  EXPECT_EQ(files_in(folder_.path()), 0);
}

TEST_F(SafetensorsFile, CountsAllBytesAsProgress) {
  uint64_t last = 0;
  ASSERT_TRUE(
      export_safetensors(source_of(run_), NumberType::kF32, file_, [&](uint64_t done, uint64_t total) {
        EXPECT_EQ(total, static_cast<uint64_t>(parameter_count(run_.layout)) * 4);
        last = done;
        return true;
      }));
  EXPECT_EQ(last, std::filesystem::file_size(file_));
}

}  // namespace
}  // namespace templar::testing
