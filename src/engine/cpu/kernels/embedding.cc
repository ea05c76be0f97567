#include "engine/cpu/kernels/embedding.h"

#include <algorithm>

namespace templar {

void embed(ThreadTeam& team, std::span<const uint32_t> tokens, const float* table, int64_t width, float* x) {
  const size_t row = width;
  team.for_ranges(tokens.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) std::copy_n(table + tokens[i] * row, row, x + i * row);
  });
}

void embed_backward(ThreadTeam& team, std::span<const uint32_t> tokens, const float* d_x, int64_t width,
                    float* d_table) {
  const size_t row = width;
  team.for_ranges(row, 16, [&](size_t begin, size_t end) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      float* to = d_table + tokens[i] * row;
      const float* from = d_x + i * row;
      for (size_t column = begin; column < end; ++column) to[column] += from[column];
    }
  });
}

}  // namespace templar
