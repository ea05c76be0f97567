// A block of threads as the Group that computes a row, and loops over independent items.
#pragma once

#include <cuda_runtime.h>

#include "engine/cuda/kernels.h"

namespace templar {

// Sums and maxima over the block's threads in an order that is the same each time. kThreads: a multiple
// of 32.
template <int kThreads>
class Block {
 public:
  static constexpr int kWarps = kThreads / 32;
  __device__ int64_t rank() const { return threadIdx.x; }
  __device__ int64_t size() const { return kThreads; }
  __device__ void wait() { __syncthreads(); }
  __device__ float sum(float value) {
    return combine(value, [](float a, float b) { return a + b; });
  }
  __device__ float max(float value) {
    return combine(value, [](float a, float b) { return fmaxf(a, b); });
  }
  __device__ int64_t min(int64_t value) {
    return combine(value, [](int64_t a, int64_t b) { return a < b ? a : b; });
  }
  __device__ double sum_double(double value) {
    return combine(value, [](double a, double b) { return a + b; });
  }

 private:
  template <typename T, typename Combine>
  __device__ T combine(T value, Combine with) {
    // Two places in turn: a warp may begin the next combination while another still reads this one.
    __shared__ T places[2][kWarps];
    for (int offset = 16; offset > 0; offset /= 2)
      value = with(value, __shfl_xor_sync(0xffffffffU, value, offset));
    T* place = places[turn_];
    turn_ ^= 1;
    if (threadIdx.x % 32 == 0) place[threadIdx.x / 32] = value;
    __syncthreads();
    T all = place[0];
    for (int warp = 1; warp < kWarps; ++warp) all = with(all, place[warp]);
    return all;
  }
  int turn_ = 0;
};

inline constexpr int kItemThreads = 256;

template <typename Work>
__global__ void __launch_bounds__(kItemThreads) for_items(int64_t items, Work work) {
  const int64_t item = static_cast<int64_t>(blockIdx.x) * kItemThreads + threadIdx.x;
  if (item < items) work(item);
}

// A thread to an item.
template <typename Work>
cudaError_t launch_items(int64_t items, const Work& work, cudaStream_t stream) {
  if (items == 0) return cudaSuccess;
  const int64_t blocks = (items + kItemThreads - 1) / kItemThreads;
  for_items<<<static_cast<unsigned>(blocks), kItemThreads, 0, stream>>>(items, work);
  return cudaGetLastError();
}

// Whether rows of this many values at this address can be read in packs.
template <typename T>
bool packs(const T* address, int64_t width) {
  return width % kPackSize == 0 && reinterpret_cast<uintptr_t>(address) % 16 == 0;
}

}  // namespace templar
