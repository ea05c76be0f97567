// What lets one function run in a kernel on a graphics card and, in tests, on the processor: the arithmetic
// of the CUDA engine's own kernels stands in this folder, in headers that nvcc (C++20) and the host's
// compiler read.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#define TEMPLAR_DEVICE __host__ __device__ inline
// Before a template whose Group is a block of threads on the card or OneThread on the processor.
#define TEMPLAR_ANY_GROUP _Pragma("nv_exec_check_disable")
#else
#define TEMPLAR_DEVICE inline
#define TEMPLAR_ANY_GROUP
#endif

namespace templar {

// bfloat16 in the card's memory: the upper half of an f32.
struct DeviceBf16 {
  uint16_t bits = 0;
};

TEMPLAR_DEVICE float to_f32(float value) {
  return value;
}

TEMPLAR_DEVICE float to_f32(DeviceBf16 value) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
#else
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
#endif
}

TEMPLAR_DEVICE void assign(float& to, float value) {
  to = value;
}

// Rounds to nearest, ties to even; a NaN stays one.
TEMPLAR_DEVICE void assign(DeviceBf16& to, float value) {
#if defined(__CUDA_ARCH__)
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
  const auto bits = std::bit_cast<uint32_t>(value);
  const bool nan = value != value;
  to.bits = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40U : (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
#endif
}

// Neighbouring values that are read and written at once; their address is a multiple of the size, at most 16.
template <typename T, int kSize>
struct alignas(sizeof(T) * kSize >= 16 ? 16 : sizeof(T) * kSize) Pack {
  T values[kSize];
};

template <int kSize, typename T>
TEMPLAR_DEVICE Pack<T, kSize> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T, kSize>*>(from);
}

template <int kSize, typename T>
TEMPLAR_DEVICE void store_pack(T* to, const float (&values)[kSize]) {
  Pack<T, kSize> pack;
  for (int i = 0; i < kSize; ++i) assign(pack.values[i], values[i]);
  *reinterpret_cast<Pack<T, kSize>*>(to) = pack;
}

// How many values make 16 bytes of bf16: the packs of all kernels, where widths and addresses allow them.
inline constexpr int kPackSize = 8;

struct Division {
  int64_t quotient;
  int64_t remainder;
};

// Of numbers that aren't negative. Most fit 32 bits, whose division is several times as fast on the card.
TEMPLAR_DEVICE Division divide(int64_t number, int64_t by) {
  if ((static_cast<uint64_t>(number) | static_cast<uint64_t>(by)) >> 32U == 0) {
    const auto low = static_cast<uint32_t>(number);
    const auto low_by = static_cast<uint32_t>(by);
    const uint32_t quotient = low / low_by;
    return {static_cast<int64_t>(quotient), static_cast<int64_t>(low - quotient * low_by)};
  }
  return {number / by, number % by};
}

// A group of threads that computes a row together. On the processor it is one thread.
struct OneThread {
  [[nodiscard]] int64_t rank() const { return 0; }
  [[nodiscard]] int64_t size() const { return 1; }
  [[nodiscard]] float sum(float value) { return value; }
  [[nodiscard]] float max(float value) { return value; }
  [[nodiscard]] int64_t min(int64_t value) { return value; }
  void wait() {}
};

}  // namespace templar
