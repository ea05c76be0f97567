// Which values of a chunk are kept.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace templar {

// Writes, ascending, the positions of the positions.size() values of largest magnitude; of equal magnitudes
// the lowest position comes first. 1 <= positions.size() <= values.size() <= 65536; values must be finite.
// keys is scratch that grows to values.size() and is kept between calls so that they don't allocate.
void select_top_k(std::span<const float> values, std::span<uint16_t> positions, std::vector<uint64_t>& keys);

}  // namespace templar
