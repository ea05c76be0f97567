// Which values of a chunk are kept.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace templar {

// Kept between calls, so that they don't allocate and start from a good guess. What is selected depends on
// none of it.
struct TopKScratch {
  std::vector<int32_t> magnitudes;  // of the candidates
  std::vector<int32_t> places;
  // A guess: about as many values of the next chunk as are kept have at least this magnitude.
  int32_t floor = 0;
};

// Writes, ascending, the positions of the positions.size() values of largest magnitude; of equal magnitudes
// the lowest position comes first. Infinities are larger than all finite values, and NaN is larger still.
// 1 <= positions.size() <= values.size() <= 65536.
void select_top_k(std::span<const float> values, std::span<uint16_t> positions, TopKScratch& scratch);

}  // namespace templar
