#include "core/consensus/state_root.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "core/consensus/blake2b_lanes.h"
#include "core/consensus/state_block_key.h"

namespace templar {
namespace {

constexpr std::string_view kParameterKey = "templar state parameter v1";
constexpr std::string_view kRootKey = "templar state root v1";
constexpr std::string_view kDataType = "F32";

Blake2b keyed_hash(std::string_view key) {
  return Blake2b(32, as_bytes(key));
}

Hash256 hash_parameter(const ParameterInfo& parameter, const std::vector<Hash256>& blocks) {
  Blake2b hash = keyed_hash(kParameterKey);
  hash.update_value<uint32_t>(parameter.name.size()).update(as_bytes(parameter.name));
  hash.update_value<uint32_t>(kDataType.size()).update(as_bytes(kDataType));
  hash.update_value<uint32_t>(parameter.shape.size());
  for (const int64_t dimension : parameter.shape) hash.update_value<uint64_t>(dimension);
  hash.update_value<uint64_t>(blocks.size());
  for (const Hash256& block : blocks) hash.update(block.bytes);
  return hash.finish256();
}

size_t block_count(size_t bytes) {
  return (bytes + kStateBlockBytes - 1) / kStateBlockBytes;
}

// Blocks of one parameter that are hashed together.
struct BlockGroup {
  size_t parameter;
  size_t first_block;
  size_t blocks;
};

std::vector<BlockGroup> group_blocks(ConstParameterSpans values) {
  std::vector<BlockGroup> groups;
  for (size_t p = 0; p < values.size(); ++p) {
    const size_t blocks = block_count(values[p].size_bytes());
    for (size_t first = 0; first < blocks; first += kBlake2bLanes)
      groups.push_back({p, first, std::min(kBlake2bLanes, blocks - first)});
  }
  return groups;
}

}  // namespace

void hash_state_blocks(ByteView bytes, std::span<Hash256> hashes) {
  CHECK(hashes.size() == block_count(bytes.size()));
  std::vector<ByteView> blocks;
  for (size_t begin = 0; begin < bytes.size(); begin += kStateBlockBytes)
    blocks.push_back(bytes.subspan(begin, std::min(kStateBlockBytes, bytes.size() - begin)));
  blake2b_256_each(blocks, as_bytes(kStateBlockKey), hashes);
}

StateTree assemble_state_tree(const ParameterLayout& layout, std::vector<std::vector<Hash256>> blocks) {
  CHECK(blocks.size() == layout.size());
  StateTree tree;
  Blake2b root = keyed_hash(kRootKey);
  root.update_value<uint32_t>(layout.size());
  for (size_t p = 0; p < layout.size(); ++p) {
    const Hash256 hash = hash_parameter(layout[p], blocks[p]);
    root.update(hash.bytes);
    tree.parameters.push_back({hash, std::move(blocks[p])});
  }
  tree.root = root.finish256();
  return tree;
}

std::vector<std::vector<Hash256>> state_block_places(const ParameterLayout& layout) {
  std::vector<std::vector<Hash256>> blocks;
  for (const ParameterInfo& parameter : layout)
    blocks.emplace_back(block_count(parameter.count() * sizeof(float)));
  return blocks;
}

StateTree compute_state_tree(const ParameterLayout& layout, ConstParameterSpans values, ThreadTeam& team) {
  CHECK(values.size() == layout.size());
  for (size_t p = 0; p < layout.size(); ++p) CHECK(std::ssize(values[p]) == layout[p].count());
  std::vector<std::vector<Hash256>> blocks = state_block_places(layout);
  const std::vector<BlockGroup> groups = group_blocks(values);
  team.for_ranges(groups.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const BlockGroup& group = groups[i];
      const ByteView rest = as_bytes(values[group.parameter]).subspan(group.first_block * kStateBlockBytes);
      hash_state_blocks(rest.first(std::min(group.blocks * kStateBlockBytes, rest.size())),
                        std::span(blocks[group.parameter]).subspan(group.first_block, group.blocks));
    }
  });
  return assemble_state_tree(layout, std::move(blocks));
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
    const size_t block = place - blocks.begin();
    const size_t first = block * (kStateBlockBytes / sizeof(float));
    const size_t end = std::min<size_t>(first + kStateBlockBytes / sizeof(float), layout[p].count());
    return StateDifference{
        .parameter = p,
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
