// The files of one shard, wherever they lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "adapters/shards/npy.h"
#include "ports/shard_source.h"

namespace templar {

struct ShardFiles {
  std::filesystem::path tokens;
  std::filesystem::path ids;
  std::filesystem::path source_bytes;  // empty: there is no such file
  uint64_t samples = 0;                // that it must have; 0: as many as there are ids
};

struct ShardArrays {
  NpyArray<uint32_t> tokens;
  NpyArray<uint64_t> ids;
  std::optional<NpyArray<uint64_t>> source_bytes;
};

// Maps the files and checks that they belong together. Fails (fatal), naming the file.
[[nodiscard]] Result<ShardArrays> map_shard(const ShardFiles& files, uint64_t sequence_length);

// The shard that they hold. keeper: lives as long as a copy of the shard. Fails as map_shard.
[[nodiscard]] Result<Shard> open_shard_files(const ShardFiles& files, uint64_t sequence_length,
                                             std::shared_ptr<const void> keeper = nullptr);

}  // namespace templar
