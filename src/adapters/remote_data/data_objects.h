// A prepared data set as objects: the files of its folder, each under its own name below one prefix of a
// bucket, the manifest last.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/shards/data_manifest.h"
#include "base/hash.h"

namespace templar {

// Where the objects are.
struct DataObjects {
  std::string bucket;
  std::string prefix;  // what all keys begin with, without the '/' behind it; empty: nothing
  std::string where;   // as messages name it: "s3://bucket/prefix"

  [[nodiscard]] std::string key_of(std::string_view file) const;
  // "s3://bucket/prefix/file"
  [[nodiscard]] std::string name_of(std::string_view file) const;
};

// A file that the manifest names.
struct DataFile {
  std::string name;
  Hash256 hash;
  uint64_t most_bytes = 0;  // more it can't have: what is larger is another file
};

// A shard's: tokens, sample ids, and the sizes of the source where they are known.
[[nodiscard]] std::vector<DataFile> files_of_shard(const ShardEntry& shard, uint64_t sequence_length);
// All but the manifest, in the order in which they are needed first: tokenizer, shards, held-out samples.
[[nodiscard]] std::vector<DataFile> files_of_manifest(const DataManifest& manifest);
// The tokenizer's model; manifest.tokenizer_file must not be empty.
[[nodiscard]] DataFile tokenizer_file_of(const DataManifest& manifest);

}  // namespace templar
