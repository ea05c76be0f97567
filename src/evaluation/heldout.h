// The loss on the held-out set, a token and a byte.
#pragma once

#include <cstdint>

#include "engine/engine.h"
#include "ports/shard_source.h"
#include "ports/tokenizer.h"

namespace templar {

struct HeldoutReport : EvaluationReport {
  // Of text that the predicted tokens stand for; a document separator stands for none.
  int64_t predicted_bytes = 0;
  [[nodiscard]] double perplexity() const;
  [[nodiscard]] double bits_per_byte() const;  // infinite without bytes
};

// Over samples spread evenly over the held-out set, at most that many (0: all), in batches of at most 16.
// Bytes are those of the source text where the data set says them, else counted by decoding where there is a
// tokenizer. Fails as the engine and the shards do.
[[nodiscard]] Result<HeldoutReport> evaluate_heldout(const ShardSource& shards, Engine& engine,
                                                     int64_t max_samples,
                                                     const Tokenizer* tokenizer = nullptr);

}  // namespace templar
