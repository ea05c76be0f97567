// Data folders as `templar data prepare` leaves them, of chosen content.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapters/shards/data_folder.h"
#include "adapters/shards/file_hash.h"
#include "adapters/shards/npy_writer.h"
#include "base/check.h"
#include "base/files/file.h"
#include "ports/shard_source.h"

namespace templar::testing {

template <typename T>
void write_npy(const std::filesystem::path& path, NpyType type, const std::vector<T>& values) {
  auto writer = NpyWriter::create(path, type);
  CHECK(writer && writer->append(values) && writer->finish());
}

inline ShardEntry write_shard(const std::filesystem::path& folder, const std::string& file,
                              const std::string& ids_file, const ShardContent& content) {
  write_npy(folder / file, NpyType::kU32, content.tokens);
  write_npy(folder / ids_file, NpyType::kU64, content.sample_ids);
  return {file, ids_file, content.sample_ids.size(), hash_file(folder / file).value(),
          hash_file(folder / ids_file).value()};
}

inline void write_shard_folder(const std::filesystem::path& folder, const MemoryShardSourceContent& content) {
  DataManifest manifest;
  manifest.sequence_length = content.sequence_length;
  manifest.vocab_size = content.vocab_size;
  manifest.tokenizer = "bytes";
  for (size_t i = 0; i < content.shards.size(); ++i) {
    manifest.shards.push_back(write_shard(folder, train_file_name(i), ids_file_name(i), content.shards[i]));
  }
  if (content.heldout)
    manifest.heldout = write_shard(folder, "heldout_000000.npy", "heldout_ids_000000.npy", *content.heldout);
  CHECK(write_file_atomically(folder / kManifestFile, write_manifest(manifest)));
}

}  // namespace templar::testing
