#include "evaluation/heldout.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/model/sample_tokens.h"

namespace templar {
namespace {

constexpr int64_t kBatch = 16;

// A sample's first token is not predicted.
int64_t predicted_bytes(const Tokenizer& tokenizer, std::span<const uint32_t> sample) {
  return static_cast<int64_t>(tokenizer.decode(sample).size()) -
         static_cast<int64_t>(tokenizer.decode(sample.first(1)).size());
}

}  // namespace

double HeldoutReport::perplexity() const {
  return std::exp(mean_loss());
}

double HeldoutReport::bits_per_byte() const {
  return loss_sum / std::numbers::ln2 / static_cast<double>(predicted_bytes);
}

Result<HeldoutReport> evaluate_heldout(const ShardSource& shards, Engine& engine, int64_t max_samples,
                                       const Tokenizer* tokenizer) {
  TRY_ASSIGN(const Shard shard, shards.open_heldout());
  const auto available = static_cast<int64_t>(shard.sample_count());
  const int64_t wanted = max_samples == 0 ? available : std::min(max_samples, available);
  HeldoutReport total;
  for (int64_t first = 0; first < wanted; first += kBatch) {
    SampleTokens samples{.tokens = {}, .sequence_length = static_cast<int64_t>(shard.sequence_length())};
    for (int64_t i = first; i < std::min(first + kBatch, wanted); ++i) {
      const auto sample = shard.sample(static_cast<uint64_t>(i * available / wanted));
      samples.tokens.insert(samples.tokens.end(), sample.begin(), sample.end());
      // The source's own bytes where they are known: a tokenizer may give back others than it was given.
      if (const auto bytes = shard.source_bytes(static_cast<uint64_t>(i * available / wanted))) {
        total.predicted_bytes += static_cast<int64_t>(*bytes);
      } else if (tokenizer != nullptr) {
        total.predicted_bytes += predicted_bytes(*tokenizer, sample);
      }
    }
    TRY_ASSIGN(const EvaluationReport part, engine.evaluate(samples.batch()));
    total.loss_sum += part.loss_sum;
    total.predicted_tokens += part.predicted_tokens;
  }
  return total;
}

}  // namespace templar
