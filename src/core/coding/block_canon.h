// The content of a block could be written in several ways. The cheapest one is prescribed, so that a content
// has one encoding and one hash; this finds it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/coding/cell_coder.h"

namespace templar {

// A chunk's scale is sent as the top bits of its f32, or as the step from the chunk before.
constexpr int kScaleIndexBits = 14;
constexpr uint32_t kMaxScaleIndex = (1u << kScaleIndexBits) - 1;
constexpr uint32_t kMaxScaleStep = 2 * kMaxScaleIndex;
constexpr int kMaxScaleRice = 14;

// The step from one scale's index to the next as a number that is not negative: 0, -1, 1, -2, 2, ... become
// 0, 1, 2, 3, 4, ...
[[nodiscard]] constexpr uint32_t zigzag(uint32_t from, uint32_t to) {
  return to >= from ? 2 * (to - from) : 2 * (from - to) - 1;
}
// The index that such a step leads to; more than kMaxScaleIndex where it leads out of the range.
[[nodiscard]] constexpr uint32_t unzigzag(uint32_t from, uint32_t step) {
  return step % 2 == 0 ? from + step / 2 : from - (step + 1) / 2;
}

// Finds the Rice parameter that is cheapest for all steps added; of equal ones the lowest.
class ScaleStatistics {
 public:
  void add(uint32_t step) {
    for (int parameter = 0; parameter <= kMaxScaleRice; ++parameter) {
      costs_[parameter] += rice_bits(step, parameter);
    }
  }
  void add(const ScaleStatistics& other) {
    for (size_t i = 0; i < costs_.size(); ++i) costs_[i] += other.costs_[i];
  }
  [[nodiscard]] uint8_t cheapest_rice() const {
    return static_cast<uint8_t>(std::ranges::min_element(costs_) - costs_.begin());
  }

 private:
  std::array<int64_t, kMaxScaleRice + 1> costs_{};
};

// Whether a chunk's positions count when the mode is chosen: at most 64 do.
[[nodiscard]] inline bool is_sampled(const ChunkPlan& plan, int64_t chunk) {
  return chunk % ((plan.chunk_count() + 63) / 64) == 0;
}

// Finds the mode in which counts and places of the chunks added take the fewest bits; of equal ones the
// lowest.
class ModeChooser {
 public:
  explicit ModeChooser(const ChunkPlan& plan);
  void add(std::span<const uint16_t> positions);
  void add(const ModeChooser& other);
  [[nodiscard]] uint8_t cheapest() const;

 private:
  std::array<std::shared_ptr<const CellCoder>, kPositionModes> coders_;
  std::array<int64_t, kPositionModes> costs_{};  // in bits
  CellScratch scratch_;
};

}  // namespace templar
