#include "core/protocol/combinadic.h"

namespace templar {
namespace {

constexpr size_t kPairs = 2016;  // C(64, 2)

// The upper place of each pair.
consteval std::array<uint8_t, kPairs> make_upper_of_pair() {
  std::array<uint8_t, kPairs> upper{};
  size_t rank = 0;
  for (size_t x = 1; x < 64; ++x) {
    for (size_t lower = 0; lower < x; ++lower) upper[rank++] = static_cast<uint8_t>(x);
  }
  return upper;
}
constexpr std::array<uint8_t, kPairs> kUpperOfPair = make_upper_of_pair();

// The largest x below 64 with C(x, count) <= rank.
size_t highest_place(uint64_t rank, int count) {
  const auto& column = kBinomials.of[static_cast<size_t>(count)];
  size_t x = 0;
  for (size_t step = 32; step != 0; step /= 2) x += column[x + step] <= rank ? step : 0;
  return x;
}

}  // namespace

uint64_t subset_of_rank(uint64_t rank, int count, int width) {
  uint64_t subset = 0;
  if (count * 4 > width) {
    // Dense: it is cheaper to ask place after place.
    for (int x = width - 1; count > 2; --x) {
      const uint64_t below = binomial(x, count);
      const bool taken = rank >= below;
      rank -= taken ? below : 0;
      count -= int{taken};
      subset |= uint64_t{taken} << x;
    }
  }
  for (; count > 2; --count) {
    const size_t x = highest_place(rank, count);
    rank -= kBinomials.of[static_cast<size_t>(count)][x];
    subset |= uint64_t{1} << x;
  }
  if (count == 2) {
    const size_t upper = kUpperOfPair[rank];
    subset |= uint64_t{1} << upper;
    rank -= kBinomials.of[2][upper];
  }
  return subset | uint64_t{1} << rank;
}

}  // namespace templar
