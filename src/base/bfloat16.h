// bfloat16 in memory: the upper half of an f32. Arithmetic is always done in f32.
#pragma once

#include <bit>
#include <cstdint>

namespace templar {

struct Bf16 {
  uint16_t bits = 0;
};

[[nodiscard]] inline float to_float(float value) {
  return value;
}
[[nodiscard]] inline float to_float(Bf16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

// Rounds to nearest, ties to even; a NaN stays one.
[[nodiscard]] inline Bf16 to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (value != value) return {static_cast<uint16_t>((bits >> 16) | 0x40U)};
  return {static_cast<uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}

}  // namespace templar
