#include "base/random.h"

#include "base/check.h"
#include "base/hash.h"

namespace templar {
namespace {

constexpr uint64_t rotate_left(uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

uint64_t derive_seed(uint64_t seed, std::string_view purpose, uint64_t index) {
  const Hash256 hash = Blake2b().update_value(seed).update_value(index).update(as_bytes(purpose)).finish256();
  uint64_t derived;
  std::memcpy(&derived, hash.bytes.data(), sizeof(derived));
  return derived;
}

}  // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {
    word = mix64(seed);
    seed += 0x9e3779b97f4a7c15ULL;
  }
}

Random::Random(uint64_t seed, std::string_view purpose, uint64_t index)
    : Random(derive_seed(seed, purpose, index)) {}

uint64_t Random::next() {
  const uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

uint64_t Random::below(uint64_t bound) {
  CHECK(bound > 0);
  // 2^64 mod bound: draws below it would favour small results.
  const uint64_t unbiased_from = (0 - bound) % bound;
  for (;;) {
    const uint64_t draw = next();
    if (draw >= unbiased_from) return draw % bound;
  }
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

double Random::normal() {
  int64_t sum = 0;
  for (int i = 0; i < 6; ++i) {
    const uint64_t draw = next();
    sum += static_cast<int64_t>(draw >> 32) + static_cast<int64_t>(draw & 0xffffffffULL);
  }
  return static_cast<double>(sum - 6 * (int64_t{1} << 32)) * 0x1.0p-32;
}

}  // namespace templar
