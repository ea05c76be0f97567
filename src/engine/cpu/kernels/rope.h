// Rotary position embedding (Su et al. 2021) by halves, as Llama's checkpoints have it: with x = (x1, x2),
// the two halves of a head, the rotated pair is (x1·cos − x2·sin, x2·cos + x1·sin), the angle position ·
// theta^(−2i/head_dim).
#pragma once

#include <cstdint>

#include "engine/cpu/kernels/aligned_buffer.h"

namespace templar {

// cos and sin, each [positions, head_dim/2].
class RopeTable {
 public:
  RopeTable(int64_t positions, int64_t head_dim, double theta);
  [[nodiscard]] static int64_t memory_bytes(int64_t positions, int64_t head_dim) {
    return positions * head_dim * static_cast<int64_t>(sizeof(float));
  }
  [[nodiscard]] const float* cosines(int64_t position) const { return cosines_.data() + position * half_; }
  [[nodiscard]] const float* sines(int64_t position) const { return sines_.data() + position * half_; }

 private:
  int64_t half_;
  AlignedBuffer<float> cosines_;
  AlignedBuffer<float> sines_;
};

}  // namespace templar
