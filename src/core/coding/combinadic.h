// Subsets of up to 64 places as numbers: the combinatorial number system, in which the subset {x1 < x2 < ...}
// is C(x1, 1) + C(x2, 2) + ..., written in truncated binary.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "core/coding/bit_packing.h"

namespace templar {

constexpr int kMaxSubsetWidth = 64;

struct BinomialTable {
  // of[c][x] = C(x, c), x and c in 0 .. 64.
  std::array<std::array<uint64_t, 65>, 65> of{};
};
[[nodiscard]] consteval BinomialTable make_binomials() {
  BinomialTable table;
  for (size_t x = 0; x <= 64; ++x) {
    table.of[0][x] = 1;
    for (size_t c = 1; c <= x; ++c) table.of[c][x] = table.of[c][x - 1] + table.of[c - 1][x - 1];
  }
  return table;
}
inline constexpr BinomialTable kBinomials = make_binomials();

[[nodiscard]] constexpr uint64_t binomial(int x, int c) {
  return kBinomials.of[c][x];
}

[[nodiscard]] inline uint64_t subset_rank(uint64_t subset) {
  uint64_t rank = 0;
  for (int c = 1; subset != 0; ++c, subset &= subset - 1) rank += binomial(std::countr_zero(subset), c);
  return rank;
}

// The subset of count of width places with that rank; rank < C(width, count).
[[nodiscard]] uint64_t subset_of_rank(uint64_t rank, int count, int width);

// Sink is BitWriter or BitCounter. Writes no bits if there is only one such subset.
template <typename Sink>
void put_subset(uint64_t subset, int width, Sink& sink) {
  const int count = std::popcount(subset);
  if (count == 0 || count == width) return;
  const uint64_t subsets = binomial(width, count);
  const int bits = bits_for(subsets);
  const uint64_t short_ones = (uint64_t{1} << bits) - subsets;
  const uint64_t rank = subset_rank(subset);
  if (rank < short_ones) {
    sink.put(rank, bits - 1);
  } else {
    const uint64_t twice = rank + short_ones;  // the last bit goes last
    sink.put(twice >> 1, bits - 1);
    sink.put(twice & 1, 1);
  }
}

// 0 <= count <= width <= 64. Every bit pattern is a subset.
[[nodiscard]] inline uint64_t get_subset(int count, int width, BitReader& reader) {
  if (count == 0) return 0;
  if (count == width) return low_bits(width);
  const uint64_t subsets = binomial(width, count);
  const int bits = bits_for(subsets);
  const uint64_t short_ones = (uint64_t{1} << bits) - subsets;
  uint64_t rank;
  if (bits <= BitReader::kReadyBits) [[likely]] {
    reader.refill();
    const uint64_t next = reader.ready();
    const uint64_t value = next & low_bits(bits - 1);
    const bool is_long = value >= short_ones;
    rank = is_long ? 2 * value + (next >> (bits - 1) & 1) - short_ones : value;
    reader.skip(bits - 1 + int{is_long});
  } else {
    rank = reader.get(bits - 1);
    if (rank >= short_ones) rank = 2 * rank + reader.get(1) - short_ones;
  }
  if (count == 1) return uint64_t{1} << rank;
  return subset_of_rank(rank, count, width);
}

// The two places of each of the C(64, 2) pairs by rank: the lower one, and the upper one times 256.
constexpr size_t kPairs = 2016;
[[nodiscard]] consteval std::array<uint16_t, kPairs> make_pairs() {
  std::array<uint16_t, kPairs> pairs{};
  size_t rank = 0;
  for (size_t upper = 1; upper < 64; ++upper) {
    for (size_t lower = 0; lower < upper; ++lower) pairs[rank++] = static_cast<uint16_t>(upper << 8 | lower);
  }
  return pairs;
}
inline constexpr std::array<uint16_t, kPairs> kPlacesOfPair = make_pairs();

}  // namespace templar
