#include "ports/shard_source.h"

#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace templar {
namespace {

Status check_content(const std::string& name, const ShardContent& shard, uint64_t sequence_length,
                     uint64_t vocab_size) {
  if (shard.sample_ids.empty()) return fatal_error(name + " is empty");
  if (shard.tokens.size() != shard.sample_ids.size() * sequence_length) {
    return fatal_error(name + " has " + std::to_string(shard.tokens.size()) + " tokens for " +
                       std::to_string(shard.sample_ids.size()) + " samples of " +
                       std::to_string(sequence_length));
  }
  for (const uint32_t token : shard.tokens) {
    if (vocab_size != 0 && token >= vocab_size) {
      return fatal_error(name + " holds token " + std::to_string(token) + ", the vocabulary has " +
                         std::to_string(vocab_size));
    }
  }
  return {};
}

class MemoryShardSource final : public ShardSource {
 public:
  explicit MemoryShardSource(MemoryShardSourceContent content)
      : content_(std::make_shared<const MemoryShardSourceContent>(std::move(content))) {}

  [[nodiscard]] uint64_t shard_count() const override { return content_->shards.size(); }
  [[nodiscard]] uint64_t sequence_length() const override { return content_->sequence_length; }
  [[nodiscard]] uint64_t vocab_size() const override { return content_->vocab_size; }
  [[nodiscard]] uint64_t sample_count(uint64_t index) const override {
    CHECK(index < shard_count());
    return content_->shards[index].sample_ids.size();
  }
  [[nodiscard]] std::string tokenizer_name() const override { return content_->tokenizer_name; }
  [[nodiscard]] std::optional<Hash256> manifest_hash() const override { return std::nullopt; }

  [[nodiscard]] Result<Shard> open_shard(uint64_t index) const override {
    CHECK(index < shard_count());
    return view_of(content_->shards[index]);
  }
  [[nodiscard]] Result<Shard> open_heldout() const override {
    if (!content_->heldout) return skip_error("this data set has no held-out samples");
    return view_of(*content_->heldout);
  }

 private:
  [[nodiscard]] Shard view_of(const ShardContent& shard) const {
    return {content_, shard.tokens, shard.sample_ids, content_->sequence_length};
  }

  std::shared_ptr<const MemoryShardSourceContent> content_;
};

ShardContent random_shard(Random& random, uint64_t samples, uint64_t sequence_length, uint64_t vocab_size,
                          uint64_t& next_id) {
  ShardContent shard;
  shard.tokens.resize(samples * sequence_length);
  for (uint32_t& token : shard.tokens) token = static_cast<uint32_t>(random.below(vocab_size));
  shard.sample_ids.resize(samples);
  for (uint64_t& id : shard.sample_ids) id = mix64(next_id++);  // a bijection: distinct ids
  return shard;
}

}  // namespace

Shard::Shard(std::shared_ptr<const void> storage, std::span<const uint32_t> tokens,
             std::span<const uint64_t> sample_ids, uint64_t sequence_length,
             std::span<const uint64_t> source_bytes)
    : storage_(std::move(storage)),
      tokens_(tokens),
      sample_ids_(sample_ids),
      sequence_length_(sequence_length),
      source_bytes_(source_bytes) {
  CHECK(sequence_length > 0 && tokens.size() == sample_ids.size() * sequence_length);
  CHECK(source_bytes.empty() || source_bytes.size() == sample_ids.size());
}

std::span<const uint32_t> Shard::sample(uint64_t index) const {
  CHECK(index < sample_count());
  return tokens_.subspan(index * sequence_length_, sequence_length_);
}

uint64_t Shard::sample_id(uint64_t index) const {
  CHECK(index < sample_count());
  return sample_ids_[index];
}

std::optional<uint64_t> Shard::source_bytes(uint64_t index) const {
  CHECK(index < sample_count());
  return source_bytes_.empty() ? std::nullopt : std::optional(source_bytes_[index]);
}

Result<std::unique_ptr<ShardSource>> make_memory_shard_source(MemoryShardSourceContent content) {
  if (content.sequence_length == 0) return fatal_error("a data set's sequence length must be at least 1");
  if (content.shards.empty()) return fatal_error("a data set needs at least one shard");
  for (size_t i = 0; i < content.shards.size(); ++i) {
    TRY(check_content("shard " + std::to_string(i), content.shards[i], content.sequence_length,
                      content.vocab_size));
  }
  if (content.heldout) {
    TRY(check_content("the held-out shard", *content.heldout, content.sequence_length, content.vocab_size));
  }
  return std::make_unique<MemoryShardSource>(std::move(content));
}

MemoryShardSourceContent random_shard_content(uint64_t seed, uint64_t shards, uint64_t samples_per_shard,
                                              uint64_t sequence_length, uint64_t vocab_size) {
  Random random(seed, "random shard content");
  MemoryShardSourceContent content;
  content.sequence_length = sequence_length;
  content.vocab_size = vocab_size;
  uint64_t next_id = 0;
  for (uint64_t i = 0; i < shards; ++i) {
    content.shards.push_back(random_shard(random, samples_per_shard, sequence_length, vocab_size, next_id));
  }
  content.heldout = random_shard(random, samples_per_shard, sequence_length, vocab_size, next_id);
  return content;
}

}  // namespace templar
