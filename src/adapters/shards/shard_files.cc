#include "adapters/shards/shard_files.h"

#include <fmt/format.h>

#include <utility>

namespace templar {

Result<ShardArrays> map_shard(const ShardFiles& files, uint64_t sequence_length) {
  TRY_ASSIGN(NpyArray<uint32_t> tokens, open_npy_u32(files.tokens));
  TRY_ASSIGN(NpyArray<uint64_t> ids, open_npy_u64(files.ids));
  const uint64_t count = tokens.values.size();
  if (count == 0) return fatal_error(files.tokens.string() + ": holds no tokens");
  if (count % sequence_length != 0) {
    return fatal_error(fmt::format("{}: {} tokens are not a multiple of the sequence length {}",
                                   files.tokens.string(), count, sequence_length));
  }
  const uint64_t samples = count / sequence_length;
  if (ids.values.size() != samples) {
    return fatal_error(fmt::format("{}: {} sample ids for the {} samples of {}", files.ids.string(),
                                   ids.values.size(), samples, files.tokens.filename().string()));
  }
  if (files.samples != 0 && files.samples != samples) {
    return fatal_error(fmt::format("{}: holds {} samples, the manifest says {}", files.tokens.string(),
                                   samples, files.samples));
  }
  ShardArrays arrays{std::move(tokens), std::move(ids), std::nullopt};
  if (!files.source_bytes.empty()) {
    TRY_ASSIGN(arrays.source_bytes, open_npy_u64(files.source_bytes));
    const uint64_t sizes = arrays.source_bytes->values.size();
    if (sizes != samples) {
      return fatal_error(fmt::format("{}: sizes of {} samples, {} has {}", files.source_bytes.string(), sizes,
                                     files.tokens.filename().string(), samples));
    }
  }
  return arrays;
}

Result<Shard> open_shard_files(const ShardFiles& files, uint64_t sequence_length,
                               std::shared_ptr<const void> keeper) {
  struct Storage {
    ShardArrays arrays;
    std::shared_ptr<const void> keeper;
  };
  TRY_ASSIGN(ShardArrays mapped, map_shard(files, sequence_length));
  auto storage = std::make_shared<const Storage>(std::move(mapped), std::move(keeper));
  const ShardArrays& arrays = storage->arrays;
  const std::span<const uint32_t> tokens = arrays.tokens.values;
  const std::span<const uint64_t> ids = arrays.ids.values;
  const std::span<const uint64_t> source_bytes =
      arrays.source_bytes ? arrays.source_bytes->values : std::span<const uint64_t>();
  return Shard(std::move(storage), tokens, ids, sequence_length, source_bytes);
}

}  // namespace templar
