#include "core/consensus/state_root.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace templar {
namespace {

constexpr std::string_view kBlockKey = "templar state block v1";
constexpr std::string_view kParameterKey = "templar state parameter v1";
constexpr std::string_view kRootKey = "templar state root v1";
constexpr std::string_view kDataType = "F32";

Blake2b keyed_hash(std::string_view key) {
  return Blake2b(32, as_bytes(key));
}

ByteView block_bytes(std::span<const float> values, size_t block) {
  const ByteView bytes = as_bytes(values);
  const size_t begin = block * kStateBlockBytes;
  return bytes.subspan(begin, std::min(kStateBlockBytes, bytes.size() - begin));
}

Hash256 hash_parameter(const ParameterInfo& parameter, const std::vector<Hash256>& blocks) {
  Blake2b hash = keyed_hash(kParameterKey);
  hash.update_value(static_cast<uint32_t>(parameter.name.size())).update(as_bytes(parameter.name));
  hash.update_value(static_cast<uint32_t>(kDataType.size())).update(as_bytes(kDataType));
  hash.update_value(static_cast<uint32_t>(parameter.shape.size()));
  for (const int64_t dimension : parameter.shape) hash.update_value(static_cast<uint64_t>(dimension));
  hash.update_value(static_cast<uint64_t>(blocks.size()));
  for (const Hash256& block : blocks) hash.update(block.bytes);
  return hash.finish256();
}

struct BlockPlace {
  size_t parameter;
  size_t block;
};

}  // namespace

StateTree compute_state_tree(const ParameterLayout& layout, ConstParameterSpans values, ThreadTeam& team) {
  CHECK(values.size() == layout.size());
  StateTree tree;
  std::vector<BlockPlace> places;
  for (size_t p = 0; p < layout.size(); ++p) {
    CHECK(static_cast<int64_t>(values[p].size()) == layout[p].count());
    const size_t blocks = (values[p].size_bytes() + kStateBlockBytes - 1) / kStateBlockBytes;
    tree.parameters.push_back({{}, std::vector<Hash256>(blocks)});
    for (size_t block = 0; block < blocks; ++block) places.push_back({p, block});
  }
  team.for_ranges(places.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const auto [p, block] = places[i];
      tree.parameters[p].blocks[block] =
          keyed_hash(kBlockKey).update(block_bytes(values[p], block)).finish256();
    }
  });
  Blake2b root = keyed_hash(kRootKey);
  root.update_value(static_cast<uint32_t>(layout.size()));
  for (size_t p = 0; p < layout.size(); ++p) {
    tree.parameters[p].hash = hash_parameter(layout[p], tree.parameters[p].blocks);
    root.update(tree.parameters[p].hash.bytes);
  }
  tree.root = root.finish256();
  return tree;
}

Hash256 compute_state_root(const ParameterLayout& layout, ConstParameterSpans values, ThreadTeam& team) {
  return compute_state_tree(layout, values, team).root;
}

std::optional<StateDifference> first_difference(const ParameterLayout& layout, const StateTree& ours,
                                                const StateTree& theirs) {
  CHECK(ours.parameters.size() == layout.size() && theirs.parameters.size() == layout.size());
  for (size_t p = 0; p < layout.size(); ++p) {
    const std::vector<Hash256>& blocks = ours.parameters[p].blocks;
    const auto place = std::ranges::mismatch(blocks, theirs.parameters[p].blocks).in1;
    if (place == blocks.end()) continue;
    const auto block = static_cast<size_t>(place - blocks.begin());
    const size_t first = block * (kStateBlockBytes / sizeof(float));
    const size_t end =
        std::min(first + kStateBlockBytes / sizeof(float), static_cast<size_t>(layout[p].count()));
    return StateDifference{.parameter = p,
                           .block = block,
                           .first_byte = first * sizeof(float),
                           .end_byte = end * sizeof(float),
                           .description = fmt::format("{}, elements {} to {}", layout[p].name, first, end - 1)};
  }
  return std::nullopt;
}

size_t count_differences(const StateTree& ours, const StateTree& theirs) {
  CHECK(ours.parameters.size() == theirs.parameters.size());
  size_t count = 0;
  for (size_t p = 0; p < ours.parameters.size(); ++p) {
    const std::vector<Hash256>& blocks = ours.parameters[p].blocks;
    CHECK(blocks.size() == theirs.parameters[p].blocks.size());
    for (size_t b = 0; b < blocks.size(); ++b) count += blocks[b] != theirs.parameters[p].blocks[b] ? 1 : 0;
  }
  return count;
}

}  // namespace templar
