// Where training tokens come from: shards of samples, a sample being sequence_length token ids with a 64-bit
// id of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace templar {

// A shard's samples, read in place. Copies share the storage, which lives as long as the last of them, also
// when the source has gone. Thread-safe.
class Shard {
 public:
  // tokens.size() must be sample_ids.size() * sequence_length, source_bytes as many as the samples or none;
  // all lie in storage.
  Shard(std::shared_ptr<const void> storage, std::span<const uint32_t> tokens,
        std::span<const uint64_t> sample_ids, uint64_t sequence_length,
        std::span<const uint64_t> source_bytes = {});

  [[nodiscard]] uint64_t sample_count() const { return sample_ids_.size(); }
  [[nodiscard]] uint64_t sequence_length() const { return sequence_length_; }
  // sequence_length() token ids, valid as long as a copy of the shard; index < sample_count().
  [[nodiscard]] std::span<const uint32_t> sample(uint64_t index) const;
  [[nodiscard]] uint64_t sample_id(uint64_t index) const;
  // How many bytes of the text that it was made of the sample's tokens but the first stand for; nullopt where
  // the data set does not say.
  [[nodiscard]] std::optional<uint64_t> source_bytes(uint64_t index) const;

 private:
  std::shared_ptr<const void> storage_;
  std::span<const uint32_t> tokens_;
  std::span<const uint64_t> sample_ids_;
  uint64_t sequence_length_;
  std::span<const uint64_t> source_bytes_;
};

// A data set. Its description never changes; open_* may be called from any thread.
class ShardSource {
 public:
  virtual ~ShardSource() = default;

  [[nodiscard]] virtual uint64_t shard_count() const = 0;      // >= 1
  [[nodiscard]] virtual uint64_t sequence_length() const = 0;  // tokens of a sample, >= 1
  // Every token id is below it; 0: the data set does not say.
  [[nodiscard]] virtual uint64_t vocab_size() const = 0;
  // Samples of a training shard, >= 1; index < shard_count(). Costs no opening.
  [[nodiscard]] virtual uint64_t sample_count(uint64_t index) const = 0;
  // "bytes", "sentencepiece", or empty where the data set does not say.
  [[nodiscard]] virtual std::string tokenizer_name() const = 0;
  // BLAKE2b-256 of the manifest's bytes, what data.manifest_hash of a run spec names; none where there is no
  // manifest.
  [[nodiscard]] virtual std::optional<Hash256> manifest_hash() const = 0;

  // Fails (fatal), naming the file, where a shard is missing or corrupt; index < shard_count().
  [[nodiscard]] virtual Result<Shard> open_shard(uint64_t index) const = 0;
  // The held-out samples, which no training shard contains. Fails (skip) where the data set has none.
  [[nodiscard]] virtual Result<Shard> open_heldout() const = 0;
};

// One shard's content for MemoryShardSource: samples end to end, and an id for each.
struct ShardContent {
  std::vector<uint32_t> tokens;
  std::vector<uint64_t> sample_ids;
};

struct MemoryShardSourceContent {
  uint64_t sequence_length = 0;
  uint64_t vocab_size = 0;
  std::string tokenizer_name = "bytes";
  std::vector<ShardContent> shards;
  std::optional<ShardContent> heldout;
};

// The in-memory data set. Fails (fatal) where there is no shard or no sequence length, where a shard is empty
// or its sizes don't fit, or where a token is not below vocab_size.
[[nodiscard]] Result<std::unique_ptr<ShardSource>> make_memory_shard_source(MemoryShardSourceContent content);

// A data set without meaning for tests and benchmarks: tokens drawn from the seed, sample ids distinct over
// all shards and the held-out one.
[[nodiscard]] MemoryShardSourceContent random_shard_content(uint64_t seed, uint64_t shards,
                                                            uint64_t samples_per_shard,
                                                            uint64_t sequence_length, uint64_t vocab_size);

}  // namespace templar
