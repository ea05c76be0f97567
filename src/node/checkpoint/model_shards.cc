#include "node/checkpoint/model_shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "node/checkpoint/manifest.h"
#include "node/checkpoint/safetensors.h"

namespace templar {
namespace {

uint64_t bytes_of(const ParameterInfo& parameter) {
  return static_cast<uint64_t>(parameter.count()) * sizeof(float);
}

}  // namespace

std::vector<ModelShard> plan_shards(const ParameterLayout& layout, uint64_t max_bytes) {
  std::vector<ModelShard> shards(1);
  uint64_t filled = 0;
  for (size_t i = 0; i < layout.size(); ++i) {
    if (shards.back().count > 0 && filled + bytes_of(layout[i]) > max_bytes) {
      shards.push_back({.name = {}, .first = i, .count = 0});
      filled = 0;
    }
    ++shards.back().count;
    filled += bytes_of(layout[i]);
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].name = shards.size() == 1
                         ? std::string(kModelName)
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
  return shards;
}

std::string model_index(const ParameterLayout& layout, const std::vector<ModelShard>& shards) {
  nlohmann::ordered_json index;
  uint64_t total = 0;
  for (const ParameterInfo& parameter : layout) total += bytes_of(parameter);
  index["metadata"] = {{"total_size", total}};
  for (const ModelShard& shard : shards) {
    for (size_t i = shard.first; i < shard.first + shard.count; ++i)
      index["weight_map"][layout[i].name] = shard.name;
  }
  return index.dump(2) + "\n";
}

ModelShardContent::ModelShardContent(const ParameterLayout& layout, ConstParameterSpans values, const ModelShard& shard) {
  CHECK(layout.size() == values.size() && shard.first + shard.count <= layout.size());
  const auto begin = layout.begin() + static_cast<ptrdiff_t>(shard.first);
  const ParameterLayout own(begin, begin + static_cast<ptrdiff_t>(shard.count));
  header_ = safetensors_header_of(own);
  parts_.emplace_back(header_);
  for (size_t i = 0; i < own.size(); ++i) {
    const std::span<const float> parameter = values[shard.first + i];
    CHECK(static_cast<int64_t>(parameter.size()) == own[i].count());
    parts_.push_back(as_bytes(parameter));
  }
  for (const ByteView part : parts_) size_bytes_ += part.size();
}

Status ModelShardContent::for_each_part(uint64_t begin, uint64_t end,
                                   const std::function<Status(ByteView)>& sink) const {
  CHECK(begin <= end && end <= size_bytes_);
  uint64_t position = 0;
  for (const ByteView part : parts_) {
    const uint64_t from = std::clamp(begin, position, position + part.size()) - position;
    const uint64_t to = std::clamp(end, position, position + part.size()) - position;
    if (from < to) TRY(sink(part.subspan(from, to - from)));
    position += part.size();
  }
  return {};
}

}  // namespace templar
