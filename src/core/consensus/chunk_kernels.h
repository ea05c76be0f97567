// The arithmetic of a chunk's outer step, the same bits on every processor. docs/protocol.md, "Outer step".
#pragma once

#include <cstdint>
#include <span>

#include "core/run/run_spec.h"

namespace templar {

// How a parameter moves along the aggregate.
struct Descent {
  Algorithm algorithm;
  float learning_rate;
  float shrink;  // weight decay; 1 where there is none
};

// A chunk's part of a parameter.
struct TileOfTheta {
  float* first;
  size_t stride;  // from row to row
  size_t rows;
  size_t columns;
};

// A chunk's sums, row by row, and how many contributions are in each.
struct ChunkSums {
  float* sums;
  uint16_t* senders;
  std::span<const float> factors;  // factors[n]: the factor of a sum of n contributions
};

// means[i] = sums[i] * its factor; sums and senders are 0 afterwards.
void take_means(const ChunkSums& sums, std::span<float> means);

// theta <- shrink * theta - learning_rate * delta, in DeMo the sign of delta, a value for each of the tile's.
void descend(const TileOfTheta& theta, const float* delta, const Descent& descent);

// Both at once, delta being the means: for chunks that are not transformed.
void descend_means(const TileOfTheta& theta, const ChunkSums& sums, const Descent& descent);

}  // namespace templar
