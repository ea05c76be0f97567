#include "core/consensus/index_overlap.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/threads/mutex.h"
#include "core/coding/chunk_decoder.h"

namespace templar {
namespace {

// Equal positions of every pair: of (one, other) at other * (other - 1) / 2 + one.
using PairCounts = std::vector<int64_t>;

size_t pair_place(size_t one, size_t other) {
  return other * (other - 1) / 2 + one;
}

// Which contributions keep each position of one chunk, a bit each: two that have nothing to do with each
// other share few positions, so it is cheaper to look at positions than at pairs.
class Keepers {
 public:
  Keepers(size_t contributions, int64_t chunk_elements)
      : words_((contributions + kWordBits - 1) / kWordBits), bits_(chunk_elements * words_) {}

  void clear() { std::ranges::fill(bits_, 0); }
  // The contribution keeps these positions too. Counts one for each that one before it keeps.
  void add(size_t contribution, std::span<const uint16_t> positions, PairCounts& counts) {
    int64_t* const with_earlier = counts.data() + pair_place(0, contribution);
    for (const uint16_t position : positions) {
      uint64_t* const keepers = bits_.data() + position * words_;
      for (size_t word = 0; word < words_; ++word) {
        for (uint64_t left = keepers[word]; left != 0; left &= left - 1)
          ++with_earlier[word * kWordBits + static_cast<size_t>(std::countr_zero(left))];
      }
      keepers[contribution / kWordBits] |= 1ull << (contribution % kWordBits);
    }
  }

 private:
  static constexpr size_t kWordBits = 64;
  size_t words_;
  std::vector<uint64_t> bits_;
};

void count_chunks(const std::vector<CodedBlock>& blocks, const ChunkPlan& plan, size_t begin, size_t end,
                  PairCounts& counts) {
  Keepers keepers(blocks.size(), plan.chunk_elements());
  DecodedChunk decoded(plan);
  std::vector<ChunkDecoder> decoders;
  decoders.reserve(blocks.size());
  for (const CodedBlock& block : blocks) decoders.emplace_back(block, begin, decoded);
  for (size_t chunk = begin; chunk < end; ++chunk) {
    keepers.clear();
    for (size_t i = 0; i < blocks.size(); ++i) {
      decoders[i].next(decoded);
      keepers.add(i, decoded.positions(), counts);
    }
  }
}

}  // namespace

std::vector<PairOverlap> index_overlaps(ContributionList contributions, const ParameterLayout& layout,
                                        const CodecSpec& codec, ThreadTeam& team) {
  const size_t peers = contributions.size();
  if (peers < 2) return {};
  Mutex mutex;
  PairCounts equal(peers * (peers - 1) / 2, 0);
  double kept = 0;
  double chance = 0;
  for (size_t p = 0; p < layout.size(); ++p) {
    const ChunkPlan plan = plan_chunks(layout[p].shape, codec);
    if (plan.kept == plan.chunk_elements()) continue;
    const auto share = static_cast<double>(plan.kept) / static_cast<double>(plan.chunk_elements());
    kept += static_cast<double>(plan.kept_total());
    chance += share * static_cast<double>(plan.kept_total());
    std::vector<CodedBlock> blocks;
    blocks.reserve(peers);
    for (const Contribution* contribution : contributions) blocks.push_back(contribution->block(p, &plan));
    team.for_ranges(plan.chunk_count(), kSegmentChunks, [&](size_t begin, size_t end) {
      PairCounts counts(equal.size(), 0);
      count_chunks(blocks, plan, begin, end, counts);
      const MutexLock lock(mutex);
      for (size_t pair = 0; pair < equal.size(); ++pair) equal[pair] += counts[pair];
    });
  }

  std::vector<PairOverlap> overlaps;
  for (size_t one = 0; one < peers; ++one) {
    for (size_t other = one + 1; other < peers; ++other) {
      const double above = static_cast<double>(equal[pair_place(one, other)]) - chance;
      overlaps.push_back({one, other, kept > 0 ? std::max(0.0, above / (kept - chance)) : 0.0});
    }
  }
  return overlaps;
}

}  // namespace templar
