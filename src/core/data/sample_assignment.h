// Which samples of the active shard belong to whom in a window: drawn without replacement by a keyed
// permutation of the shard's indices, so that nobody keeps a list and everybody computes the same one. Pure;
// any thread.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace templar {

// A pseudo-random permutation of [0, size), chosen by a key; O(1) memory. A balanced Feistel network of eight
// rounds over the next power of four, walked until the value falls below size (Black and Rogaway 2002, "cycle
// walking").
class KeyedPermutation {
 public:
  static constexpr int kRounds = 8;
  using Key = std::array<uint64_t, kRounds>;

  // size >= 1.
  KeyedPermutation(const Key& key, uint64_t size);
  [[nodiscard]] uint64_t size() const { return size_; }
  // position < size(); the result too, and each result belongs to one position.
  [[nodiscard]] uint64_t at(uint64_t position) const;

 private:
  [[nodiscard]] uint64_t encrypt(uint64_t value) const;

  Key key_;
  uint64_t size_;
  int half_bits_;
};

// `count` sample indices of a shard. The first min(count, shard size) are distinct; where the shard holds
// fewer samples than are wanted, the same order starts over: at(i) == at(i - shard size).
class SampleAssignment {
 public:
  SampleAssignment(const KeyedPermutation& order, uint64_t count) : order_(order), count_(count) {}
  [[nodiscard]] uint64_t size() const { return count_; }
  // The i-th index, i < size().
  [[nodiscard]] uint64_t at(uint64_t i) const;
  // All of them in order: memory in proportion to size().
  [[nodiscard]] std::vector<uint64_t> indices() const;

 private:
  KeyedPermutation order_;
  uint64_t count_;
};

// What miner `uid` trains on in `window`, in training order: inner step s takes [s * batch_size, (s + 1) *
// batch_size). shard_samples (>= 1) is the size of the window's active shard.
[[nodiscard]] SampleAssignment assign_samples(uint64_t run_seed, uint64_t uid, uint64_t window,
                                              uint64_t shard_samples, uint64_t count);

// What a validator measures every miner of `window` on, besides the miner's own samples; the same for all
// miners. They are drawn from the whole shard, so that now and then one of them is also assigned to somebody.
// validator_key is any bytes of the validator's own (at best a secret, since a miner that knows them could
// train on these samples).
[[nodiscard]] SampleAssignment unassigned_samples(uint64_t run_seed, ByteView validator_key, uint64_t window,
                                                  uint64_t shard_samples, uint64_t count);

// The shard that outer step `outer_step` trains on: changes every outer_steps_per_shard (0: never) steps and
// starts over after the last. shard_count >= 1.
[[nodiscard]] uint64_t active_shard(uint64_t outer_step, uint64_t outer_steps_per_shard,
                                    uint64_t shard_count);

}  // namespace templar
