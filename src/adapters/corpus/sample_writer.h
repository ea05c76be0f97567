// Cuts a stream of tokens into samples and writes them as shards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/shards/data_manifest.h"
#include "adapters/shards/npy_writer.h"
#include "base/result.h"

namespace templar {

struct SampleWriterOptions {
  std::filesystem::path folder;
  uint64_t sequence_length = 0;  // >= 1
  uint64_t shard_samples = 0;    // a shard is closed with this many; >= 1
  uint64_t max_samples = 0;      // further tokens are dropped; 0: no limit
  // Names of the index-th shard's files.
  std::function<std::string(uint64_t index)> file_name;
  std::function<std::string(uint64_t index)> ids_file_name;
  // Of the file of source bytes (ShardEntry); empty: none is written. Only for a single shard.
  std::string bytes_file_name;
};

// Sample ids hash a sample's tokens, its number among all that are written and the name of the first shard's
// file: alike for the same data set, and distinct also where two samples hold the same text. One thread at a
// time. Fails (fatal) as NpyWriter does.
class SampleWriter {
 public:
  explicit SampleWriter(SampleWriterOptions options) : options_(std::move(options)) {}

  // source_bytes: as many, how many bytes of the text each token stands for.
  [[nodiscard]] Status append(std::span<const uint32_t> tokens, std::span<const uint32_t> source_bytes);
  // Closes the last shard. Joins it to the one before where it is less than half full. Call once. hashing()
  // is called before a shard is read again for its hash.
  [[nodiscard]] Result<std::vector<ShardEntry>> finish(const std::function<void()>& hashing = {});

  [[nodiscard]] uint64_t samples() const { return samples_; }
  // Tokens that did not fill a sample, or came after the last one wanted.
  [[nodiscard]] uint64_t dropped_tokens() const { return dropped_tokens_ + partial_.size(); }

 private:
  [[nodiscard]] Status write_sample();
  [[nodiscard]] Status open_shard();
  [[nodiscard]] Status close_shard();
  [[nodiscard]] Status join_last_shard();
  [[nodiscard]] uint64_t sample_id(std::span<const uint32_t> sample) const;

  SampleWriterOptions options_;
  std::optional<NpyWriter> tokens_;
  std::optional<NpyWriter> ids_;
  std::optional<NpyWriter> source_bytes_;
  std::vector<uint64_t> shard_sizes_;  // samples of the closed shards
  std::vector<uint32_t> partial_;      // the beginning of the next sample
  uint64_t partial_bytes_ = 0;         // that its tokens but the first stand for
  uint64_t samples_ = 0;
  uint64_t dropped_tokens_ = 0;
};

}  // namespace templar
