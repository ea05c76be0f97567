// Matrix products in f32 with one result on every processor that has fused multiply-adds: an element starts
// at 0, or with accumulate at what stands there, and takes up the terms of its sum in ascending order,
//   c = fma(a[k], b[k], c),  k = 0, 1, ...
// Vectors lie along the result's rows, never along the sum, and a sum that is cut among blocks goes on where
// it stood. So neither the width of vectors, nor the blocks, nor the cut among threads changes a bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/threads/thread_team.h"
#include "engine/cpu/kernels/aligned_buffer.h"
#include "engine/cpu/kernels/matmul.h"

namespace templar {

struct FixedOrderProduct {
  ProductKind kind = ProductKind::kABt;
  ProductSize size;  // each at least 1
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  bool accumulate = false;
  RowLengths rows;  // none is 0
};

// What a thread packs at once: of a to stay in the third-level cache, of b in the second, and a few rows of a
// in the first. Multiples of every target's tile of c.
inline constexpr size_t kRowsAtOnce = 768;
inline constexpr size_t kColumnsAtOnce = 256;
inline constexpr size_t kDepthAtOnce = 256;

// Not thread-safe. All its memory is allocated at its making.
class FixedOrderProducts {
 public:
  // CHECKs that they are supported.
  explicit FixedOrderProducts(ThreadTeam& team);

  void multiply(const FixedOrderProduct& product);

  // Whether this processor has fused multiply-adds: x86-64 from AVX2 on.
  [[nodiscard]] static bool supported();
  [[nodiscard]] static int64_t memory_bytes(int threads);

 private:
  ThreadTeam& team_;
  std::vector<AlignedBuffer<float>> packed_;  // one a member
};

}  // namespace templar
