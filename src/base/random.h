// Our own generators: the same seed gives the same numbers on every machine, compiler and standard library.
#pragma once

#include <cstdint>
#include <string_view>

namespace templar {

// One step of SplitMix64 (Steele, Lea, Flood 2014) as a mixing function: a bijection on 64 bits.
[[nodiscard]] constexpr uint64_t mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// xoshiro256** (Blackman, Vigna 2018), seeded through SplitMix64. Not for secrets.
class Random {
 public:
  explicit Random(uint64_t seed);
  // A stream of its own for each purpose under one seed.
  Random(uint64_t seed, std::string_view purpose, uint64_t index = 0);

  [[nodiscard]] uint64_t next();
  // Uniform in [0, bound), without bias; bound > 0.
  [[nodiscard]] uint64_t below(uint64_t bound);
  // Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] double uniform();
  // Mean 0, variance 1, by the sum of twelve uniform numbers (Irwin-Hall): only additions, so exact
  // everywhere. At least -6, and below 6.
  [[nodiscard]] double normal();

 private:
  uint64_t state_[4];
};

}  // namespace templar
