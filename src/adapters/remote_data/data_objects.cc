#include "adapters/remote_data/data_objects.h"

#include <utility>

#include "adapters/shards/data_folder.h"

namespace templar {
namespace {

constexpr uint64_t kMostHeaderBytes = uint64_t{1} << 16;
constexpr uint64_t kMostValueBytes = 8;
constexpr uint64_t kMostArrayBytes = uint64_t{1} << 50;

uint64_t most_array_bytes(uint64_t samples, uint64_t values_a_sample) {
  const bool is_absurd = samples > kMostArrayBytes / kMostValueBytes / values_a_sample;
  return is_absurd ? kMostArrayBytes : kMostHeaderBytes + samples * values_a_sample * kMostValueBytes;
}

}  // namespace

std::string DataObjects::key_of(std::string_view file) const {
  return (prefix.empty() ? "" : prefix + "/") + std::string(file);
}

std::string DataObjects::name_of(std::string_view file) const {
  return where + "/" + std::string(file);
}

std::vector<DataFile> files_of_shard(const ShardEntry& shard, uint64_t sequence_length) {
  std::vector<DataFile> files = {
      {shard.file, shard.file_hash, most_array_bytes(shard.samples, sequence_length)},
      {shard.ids_file, shard.ids_hash, most_array_bytes(shard.samples, 1)}};
  if (!shard.bytes_file.empty())
    files.push_back({shard.bytes_file, shard.bytes_hash, most_array_bytes(shard.samples, 1)});
  return files;
}

std::vector<DataFile> files_of_manifest(const DataManifest& manifest) {
  std::vector<DataFile> files;
  if (!manifest.tokenizer_file.empty()) files.push_back(tokenizer_file_of(manifest));
  const auto add = [&](const ShardEntry& shard) {
    for (DataFile& file : files_of_shard(shard, manifest.sequence_length)) files.push_back(std::move(file));
  };
  for (const ShardEntry& shard : manifest.shards) add(shard);
  if (manifest.heldout) add(*manifest.heldout);
  return files;
}

DataFile tokenizer_file_of(const DataManifest& manifest) {
  return {manifest.tokenizer_file, manifest.tokenizer_hash.value_or(Hash256{}), kMaxTokenizerBytes};
}

}  // namespace templar
