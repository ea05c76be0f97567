// manifest.json of a data folder: what is in it, with hashes. Written last, so that its presence says that
// all is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace templar {

inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr size_t kMaxDataManifestBytes = size_t{64} << 20;
inline constexpr uint64_t kMaxSequenceLength = uint64_t{1} << 24;  // tokens of a sample

// A shard's files, in the folder itself.
struct ShardEntry {
  std::string file;      // uint32 tokens
  std::string ids_file;  // uint64 sample ids
  uint64_t samples = 0;
  Hash256 file_hash;  // BLAKE2b-256 of the files' bytes
  Hash256 ids_hash;
  // uint64: of each sample, how many bytes of the source text its tokens but the first stand for. The
  // held-out shard alone has it, and not that of an earlier version: then empty.
  std::string bytes_file;
  Hash256 bytes_hash;

  bool operator==(const ShardEntry&) const = default;
};

struct DataTotals {
  uint64_t documents = 0;
  uint64_t text_bytes = 0;    // decompressed
  uint64_t train_tokens = 0;  // in the shards
  uint64_t heldout_tokens = 0;

  bool operator==(const DataTotals&) const = default;
};

struct DataManifest {
  uint64_t sequence_length = 0;
  uint64_t vocab_size = 0;
  std::string tokenizer;                  // "bytes", "sentencepiece" or "huggingface"
  std::string tokenizer_file;             // the model in the folder; empty for bytes
  std::optional<Hash256> tokenizer_hash;  // of that file
  std::optional<uint32_t> separator;      // between documents; huggingface alone, whose file does not say it
  std::vector<ShardEntry> shards;         // at least one
  std::optional<ShardEntry> heldout;      // prepare always writes one
  std::string source;                     // where the text came from, for people
  DataTotals totals;

  bool operator==(const DataManifest&) const = default;
};

// Indented JSON, the same bytes for the same manifest.
[[nodiscard]] std::string write_manifest(const DataManifest& manifest);
// Fails (fatal) on a missing, unknown or impossible field, which it names; file names must be plain names
// without a folder.
[[nodiscard]] Result<DataManifest> parse_manifest(std::string_view json);

}  // namespace templar
