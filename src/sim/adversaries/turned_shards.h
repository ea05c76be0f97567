// A data set whose samples are others than they say.
#pragma once

#include <memory>

#include "ports/shard_source.h"
#include "sim/adversaries/attack.h"

namespace templar {

enum class TurnedSamples {
  kForeign,  // each sample has the tokens of another one of its shard, half of the shard away
  kFew,      // all samples have the tokens of the shard's first eight
};

// What a miner with this attack trains on, of the run's samples.
[[nodiscard]] std::shared_ptr<const ShardSource> samples_of(Attack attack,
                                                            std::shared_ptr<const ShardSource> source);

// The same shards and sample ids, with other tokens. Thread-safe.
[[nodiscard]] std::shared_ptr<const ShardSource> turn_samples(std::shared_ptr<const ShardSource> source,
                                                              TurnedSamples turned);

}  // namespace templar
