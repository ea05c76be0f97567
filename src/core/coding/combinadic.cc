#include "core/coding/combinadic.h"

#include <vector>

namespace templar {
namespace {

// The uppermost place of each of the C(64, 3) triples by rank.
class TripleTable {
 public:
  TripleTable() {
    for (int upper = 2; upper < kMaxSubsetWidth; ++upper) {
      upper_.insert(upper_.end(), binomial(upper, 2), static_cast<uint8_t>(upper));
    }
  }
  size_t upper(uint64_t rank) const { return upper_[rank]; }

 private:
  std::vector<uint8_t> upper_;
};

// The largest x below 64 with C(x, count) <= rank.
size_t highest_place(uint64_t rank, int count) {
  const auto& column = kBinomials.of[count];
  size_t x = 0;
  for (size_t step = 32; step != 0; step /= 2) x += column[x + step] <= rank ? step : 0;
  return x;
}

}  // namespace

uint64_t subset_of_rank(uint64_t rank, int count, int width) {
  static const TripleTable triples;
  uint64_t subset = 0;
  if (count * 4 > width) {
    // Dense: it is cheaper to ask place after place.
    for (int x = width - 1; count > 3; --x) {
      const uint64_t below = binomial(x, count);
      const bool taken = rank >= below;
      rank -= taken ? below : 0;
      count -= int{taken};
      subset |= uint64_t{taken} << x;
    }
  }
  for (; count > 3; --count) {
    const size_t x = highest_place(rank, count);
    rank -= kBinomials.of[count][x];
    subset |= uint64_t{1} << x;
  }
  if (count == 3) {
    const size_t upper = triples.upper(rank);
    subset |= uint64_t{1} << upper;
    rank -= kBinomials.of[3][upper];
    --count;
  }
  if (count == 2) {
    const uint32_t places = kPlacesOfPair[rank];
    return subset | uint64_t{1} << (places >> 8) | uint64_t{1} << (places & 0xff);
  }
  return subset | uint64_t{1} << rank;
}

}  // namespace templar
