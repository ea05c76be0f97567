#include "formats/safetensors/model_shards.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/json/json.h"
#include "formats/checkpoint/manifest.h"

namespace templar {
namespace {

uint64_t bytes_of(const ParameterInfo& parameter, SafetensorsType type) {
  return parameter.count() * type.bytes;
}

}  // namespace

ParameterLayout ModelShard::of(const ParameterLayout& layout) const {
  CHECK(first + count <= layout.size());
  const auto begin = layout.begin() + first;
  return {begin, begin + count};
}

std::vector<ModelShard> plan_shards(const ParameterLayout& layout, uint64_t max_bytes, SafetensorsType type) {
  std::vector<ModelShard> shards(1);
  uint64_t filled = 0;
  for (size_t i = 0; i < layout.size(); ++i) {
    if (shards.back().count > 0 && filled + bytes_of(layout[i], type) > max_bytes) {
      shards.push_back({.name = {}, .first = i, .count = 0});
      filled = 0;
    }
    ++shards.back().count;
    filled += bytes_of(layout[i], type);
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].name = shards.size() == 1
                         ? std::string(kModelName)
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
  return shards;
}

std::string model_index(const ParameterLayout& layout, const std::vector<ModelShard>& shards,
                        SafetensorsType type) {
  uint64_t total = 0;
  for (const ParameterInfo& parameter : layout) total += bytes_of(parameter, type);
  JsonObject weight_map;
  for (const ModelShard& shard : shards) {
    for (size_t i = shard.first; i < shard.first + shard.count; ++i)
      weight_map.push_back({layout[i].name, shard.name});
  }
  const Json index =
      JsonObject{{"metadata", JsonObject{{"total_size", total}}}, {"weight_map", std::move(weight_map)}};
  return to_text(index, {.indent = 2}) + "\n";
}

ModelShardContent::ModelShardContent(const ParameterLayout& layout, ConstParameterSpans values,
                                     const ModelShard& shard) {
  CHECK(layout.size() == values.size());
  const ParameterLayout own = shard.of(layout);
  header_ = safetensors_header_of(own);
  parts_.emplace_back(header_);
  for (size_t i = 0; i < own.size(); ++i) {
    const std::span<const float> parameter = values[shard.first + i];
    CHECK(std::ssize(parameter) == own[i].count());
    parts_.push_back(as_bytes(parameter));
  }
  for (const ByteView part : parts_) size_bytes_ += part.size();
}

ByteView ModelShardContent::range(uint64_t begin, uint64_t end, Bytes& buffer) const {
  CHECK(begin <= end && end <= size_bytes_);
  const size_t appended_from = buffer.size();
  uint64_t position = 0;
  for (const ByteView part : parts_) {
    const uint64_t part_end = position + part.size();
    if (begin >= position && end <= part_end) return part.subspan(begin - position, end - begin);
    const uint64_t from = std::clamp(begin, position, part_end) - position;
    const uint64_t to = std::clamp(end, position, part_end) - position;
    CHECK(buffer.capacity() - buffer.size() >= to - from);
    buffer.insert(buffer.end(), part.begin() + from, part.begin() + to);
    position = part_end;
  }
  return ByteView(buffer).subspan(appended_from);
}

}  // namespace templar
