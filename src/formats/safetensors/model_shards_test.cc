#include "formats/safetensors/model_shards.h"

#include <gtest/gtest.h>

#include "formats/safetensors/safetensors.h"
#include "support/json_values.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

ParameterLayout four_parameters() {
  return {{"a", {10, 10}}, {"b", {100}}, {"c", {50}}, {"d", {30, 10}}};  // 400, 400, 200 and 1200 bytes
}

std::vector<std::pair<size_t, size_t>> ranges(const std::vector<ModelShard>& shards) {
  std::vector<std::pair<size_t, size_t>> cut;
  for (const ModelShard& shard : shards) cut.emplace_back(shard.first, shard.count);
  return cut;
}

using Ranges = std::vector<std::pair<size_t, size_t>>;

}  // namespace

TEST(ModelShards, AreOneFileWhereTheModelFits) {
  const auto shards = plan_shards(four_parameters(), 2200);
  ASSERT_EQ(ranges(shards), (Ranges{{0, 4}}));
  EXPECT_EQ(shards[0].name, "model.safetensors");
}

TEST(ModelShards, AreFilledInTheOrderOfTheLayout) {
  const auto shards = plan_shards(four_parameters(), 1000);
  ASSERT_EQ(ranges(shards), (Ranges{{0, 3}, {3, 1}}));
  EXPECT_EQ(shards[0].name, "model-00001-of-00002.safetensors");
  EXPECT_EQ(shards[1].name, "model-00002-of-00002.safetensors");
  EXPECT_EQ(ranges(plan_shards(four_parameters(), 999)), (Ranges{{0, 2}, {2, 1}, {3, 1}}));
  EXPECT_EQ(ranges(plan_shards(four_parameters(), 1)), (Ranges{{0, 1}, {1, 1}, {2, 1}, {3, 1}}));
}

TEST(ModelShards, AreListedInTheIndex) {
  const ParameterLayout layout = four_parameters();
  const auto index = testing::parsed_json(model_index(layout, plan_shards(layout, 1000)));
  EXPECT_EQ(index.at("metadata").at("total_size"), 2200);
  EXPECT_EQ(index.at("weight_map").at("a"), "model-00001-of-00002.safetensors");
  EXPECT_EQ(index.at("weight_map").at("d"), "model-00002-of-00002.safetensors");
  EXPECT_EQ(index.at("weight_map").size(), 4u);
}

TEST(ModelShards, AreFilesOfTheirOwnParameters) {
  const ParameterLayout layout = four_parameters();
  const ParameterBuffers values = random_values(layout, 3);
  const auto shards = plan_shards(layout, 1000);
  const ModelShardContent content(layout, values.spans(), shards[0]);
  Bytes whole;
  whole.reserve(content.size_bytes());
  EXPECT_EQ(content.range(0, content.size_bytes(), whole).size(), content.size_bytes());
  const uint64_t header_bytes = safetensors_header_bytes(ByteView(whole).first(8), whole.size()).value();
  const auto header = parse_safetensors_header(ByteView(whole).subspan(8, header_bytes), whole.size());
  ASSERT_TRUE(header) << header.error().message;
  ASSERT_EQ(header->tensors.size(), 3u);
  EXPECT_EQ(header->tensors[2].name, "c");
  EXPECT_TRUE(std::ranges::equal(ByteView(whole).last(200), as_bytes(values.spans()[2])));
  // Any range is that part of the whole; one within a parameter is not copied.
  const uint64_t data = header->data_begin;
  for (const auto& [begin, end] : {std::pair<uint64_t, uint64_t>{0, 0},
                                   {3, 9},
                                   {100, data + 700},
                                   {data, data + 400},
                                   {data + 399, data + 401},
                                   {whole.size() - 1, whole.size()}}) {
    Bytes buffer;
    buffer.reserve(whole.size());
    const ByteView range = content.range(begin, end, buffer);
    EXPECT_TRUE(std::ranges::equal(range, ByteView(whole).subspan(begin, end - begin))) << begin;
    const bool crosses = (begin < data && end > data) || (begin < data + 400 && end > data + 400);
    EXPECT_EQ(buffer.empty(), !crosses) << begin;
  }
}

}  // namespace templar::testing
