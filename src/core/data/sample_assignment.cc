#include "core/data/sample_assignment.h"

#include <algorithm>
#include <bit>
#include <string_view>

#include "base/check.h"
#include "base/hash.h"
#include "base/random.h"

namespace templar {
namespace {

// A key of its own for each purpose; every part has a fixed size or its length before it, so that no two
// inputs collide.
KeyedPermutation::Key derive_key(std::string_view purpose, uint64_t run_seed, ByteView owner,
                                 uint64_t window) {
  Blake2b hash(64);
  hash.update_value<uint64_t>(purpose.size()).update(as_bytes(purpose));
  hash.update_value(run_seed);
  hash.update_value<uint64_t>(owner.size()).update(owner);
  hash.update_value(window);
  std::array<uint8_t, 64> digest{};
  hash.finish(digest);
  KeyedPermutation::Key key;
  static_assert(sizeof(key) == sizeof(digest));
  std::memcpy(key.data(), digest.data(), sizeof(key));
  return key;
}

}  // namespace

KeyedPermutation::KeyedPermutation(const Key& key, uint64_t size) : key_(key), size_(size) {
  CHECK(size >= 1);
  const int bits = std::bit_width(size - 1);
  half_bits_ = std::max(1, (bits + 1) / 2);
}

uint64_t KeyedPermutation::encrypt(uint64_t value) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = value >> half_bits_;
  uint64_t right = value & mask;
  for (const uint64_t round_key : key_) {
    const uint64_t mixed = left ^ (mix64(right ^ round_key) & mask);
    left = right;
    right = mixed;
  }
  return (left << half_bits_) | right;
}

uint64_t KeyedPermutation::at(uint64_t position) const {
  CHECK(position < size_);
  // The network permutes a domain of at most four times the size; the cycle through position comes back below
  // it.
  uint64_t value = encrypt(position);
  while (value >= size_) value = encrypt(value);
  return value;
}

uint64_t SampleAssignment::at(uint64_t i) const {
  CHECK(i < count_);
  return order_.at(i % order_.size());
}

std::vector<uint64_t> SampleAssignment::indices() const {
  std::vector<uint64_t> all(count_);
  for (uint64_t i = 0; i < count_; ++i) all[i] = at(i);
  return all;
}

SampleAssignment assign_samples(uint64_t run_seed, uint64_t uid, uint64_t window, uint64_t shard_samples,
                                uint64_t count) {
  const ByteView owner{reinterpret_cast<const uint8_t*>(&uid), sizeof(uid)};
  return {KeyedPermutation(derive_key("templar.assigned.v1", run_seed, owner, window), shard_samples), count};
}

SampleAssignment unassigned_samples(uint64_t run_seed, ByteView validator_key, uint64_t window,
                                    uint64_t shard_samples, uint64_t count) {
  return {
      KeyedPermutation(derive_key("templar.unassigned.v1", run_seed, validator_key, window), shard_samples),
      count};
}

uint64_t active_shard(uint64_t outer_step, uint64_t outer_steps_per_shard, uint64_t shard_count) {
  CHECK(shard_count >= 1);
  if (outer_steps_per_shard == 0) return 0;
  return outer_step / outer_steps_per_shard % shard_count;
}

}  // namespace templar
