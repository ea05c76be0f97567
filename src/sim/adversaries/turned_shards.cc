#include "sim/adversaries/turned_shards.h"

#include <algorithm>
#include <utility>

namespace templar {
namespace {

constexpr uint64_t kFewSamples = 8;

class TurnedShards final : public ShardSource {
 public:
  TurnedShards(std::shared_ptr<const ShardSource> source, TurnedSamples turned)
      : source_(std::move(source)), turned_(turned) {}

  [[nodiscard]] uint64_t shard_count() const override { return source_->shard_count(); }
  [[nodiscard]] uint64_t sequence_length() const override { return source_->sequence_length(); }
  [[nodiscard]] uint64_t vocab_size() const override { return source_->vocab_size(); }
  [[nodiscard]] uint64_t sample_count(uint64_t index) const override { return source_->sample_count(index); }
  [[nodiscard]] std::string tokenizer_name() const override { return source_->tokenizer_name(); }
  [[nodiscard]] std::optional<Hash256> manifest_hash() const override { return source_->manifest_hash(); }
  [[nodiscard]] Result<Shard> open_heldout() const override { return source_->open_heldout(); }

  [[nodiscard]] Result<Shard> open_shard(uint64_t index) const override {
    TRY_ASSIGN(const Shard shard, source_->open_shard(index));
    struct Content {
      std::vector<uint32_t> tokens;
      std::vector<uint64_t> ids;
    };
    auto content = std::make_shared<Content>();
    const uint64_t count = shard.sample_count();
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t other =
          turned_ == TurnedSamples::kForeign ? (i + count / 2) % count : i % std::min(count, kFewSamples);
      const std::span<const uint32_t> tokens = shard.sample(other);
      content->tokens.insert(content->tokens.end(), tokens.begin(), tokens.end());
      content->ids.push_back(shard.sample_id(i));
    }
    const std::span<const uint32_t> tokens = content->tokens;
    const std::span<const uint64_t> ids = content->ids;
    return Shard(std::move(content), tokens, ids, shard.sequence_length());
  }

 private:
  const std::shared_ptr<const ShardSource> source_;
  const TurnedSamples turned_;
};

}  // namespace

std::shared_ptr<const ShardSource> samples_of(Attack attack, std::shared_ptr<const ShardSource> source) {
  if (attack == Attack::kForeignData) return turn_samples(std::move(source), TurnedSamples::kForeign);
  if (attack == Attack::kFewSamples) return turn_samples(std::move(source), TurnedSamples::kFew);
  return source;
}

std::shared_ptr<const ShardSource> turn_samples(std::shared_ptr<const ShardSource> source,
                                                TurnedSamples turned) {
  return std::make_shared<TurnedShards>(std::move(source), turned);
}

}  // namespace templar
