// Codes the codes of a chunk's kept values, up to 64 at a time: raw signs where the quantiser has them, then
// level by level how many of those that are left reach it and which. docs/protocol.md, "Values".
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/protocol/bit_packing.h"
#include "core/protocol/run_spec.h"

namespace templar {

constexpr int kValuesOfAGroup = 64;

struct BlockCoding {
  Quantiser quantiser = Quantiser::kMean4;
  int64_t bins = 0;  // 2 .. 256; even for kBlockLog

  [[nodiscard]] bool has_signs() const { return quantiser == Quantiser::kBlockLog; }
  [[nodiscard]] int64_t levels() const { return has_signs() ? bins / 2 : bins; }
};

// How often each count occurred at each level, from which the cheapest Rice bytes follow.
class LevelStatistics {
 public:
  explicit LevelStatistics(int64_t levels) : counts_(static_cast<size_t>(levels - 1)) {}
  void add(int64_t level, int left, int count) {
    auto& of_level = counts_[static_cast<size_t>(level - 1)];
    ++of_level[static_cast<size_t>(count)];
    ++of_level[static_cast<size_t>(kValuesOfAGroup + 1 + left - count)];
  }
  void add(const LevelStatistics& other);
  // One for each level from 1 on: the parameter, + 128 where those that stay behind are counted.
  [[nodiscard]] std::vector<uint8_t> cheapest_rice() const;

 private:
  std::vector<std::array<int64_t, 2 * (kValuesOfAGroup + 1)>> counts_;
};

constexpr uint8_t kInvertedRice = 0x80;
constexpr int kMaxLevelRice = 6;

void count_levels(std::span<const uint8_t> codes, const BlockCoding& coding, LevelStatistics& statistics);
void put_levels(std::span<const uint8_t> codes, const BlockCoding& coding, std::span<const uint8_t> rice,
                BitWriter& writer);
// rice as cheapest_rice() gives it. False where a count is larger than what is left. statistics may be null.
[[nodiscard]] bool get_levels(BitReader& reader, const BlockCoding& coding, std::span<const uint8_t> rice,
                              LevelStatistics* statistics, std::span<uint8_t> codes);

}  // namespace templar
