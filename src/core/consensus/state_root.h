// The state root: a BLAKE2b-256 tree over the model. 1 MiB blocks of each parameter's little-endian bytes ->
// the parameter's hash, with name, type and shape -> the root over the parameters in canonical order. Bytes:
// docs/protocol.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/threads/thread_team.h"
#include "core/run/parameter_layout.h"

namespace templar {

constexpr size_t kStateBlockBytes = size_t{1} << 20;

struct ParameterHash {
  Hash256 hash;
  std::vector<Hash256> blocks;
  bool operator==(const ParameterHash&) const = default;
};

struct StateTree {
  Hash256 root;
  std::vector<ParameterHash> parameters;  // canonical order
  bool operator==(const StateTree&) const = default;
};

// values must fit the layout (CHECK). Equal for every number of threads.
[[nodiscard]] StateTree compute_state_tree(const ParameterLayout& layout, ConstParameterSpans values,
                                           ThreadTeam& team);
[[nodiscard]] Hash256 compute_state_root(const ParameterLayout& layout, ConstParameterSpans values,
                                         ThreadTeam& team);

// For those who hash a model while they read it: places for the hashes of every parameter's blocks, the
// hashes of blocks that follow each other (bytes begin with one; one hash a block), and the tree over them
// all.
[[nodiscard]] std::vector<std::vector<Hash256>> state_block_places(const ParameterLayout& layout);
void hash_state_blocks(ByteView bytes, std::span<Hash256> hashes);
[[nodiscard]] StateTree assemble_state_tree(const ParameterLayout& layout,
                                            std::vector<std::vector<Hash256>> blocks);

struct StateDifference {
  size_t parameter = 0;     // index in the layout
  size_t block = 0;         // of kStateBlockBytes
  uint64_t first_byte = 0;  // the block's bytes of the parameter are [first_byte, end_byte)
  uint64_t end_byte = 0;
  std::string description;  // "model.norm.weight, elements 0 to 63"
};
// The first block in which two trees of this layout differ; nullopt if they are equal.
[[nodiscard]] std::optional<StateDifference> first_difference(const ParameterLayout& layout,
                                                              const StateTree& ours, const StateTree& theirs);
// In how many blocks they differ.
[[nodiscard]] size_t count_differences(const StateTree& ours, const StateTree& theirs);

}  // namespace templar
