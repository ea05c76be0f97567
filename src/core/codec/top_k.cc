#include "core/codec/top_k.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "base/check.h"

namespace templar {
namespace {

constexpr uint32_t kMagnitudeBits = 0x7fffffff;

// Magnitude above, position below and turned round: the larger key goes first, and no two are equal.
uint64_t ranking_key(float value, size_t position) {
  const uint64_t magnitude = std::bit_cast<uint32_t>(value) & kMagnitudeBits;
  return magnitude << 32 | (0xffffffffu - static_cast<uint32_t>(position));
}

uint16_t position_of(uint64_t key) {
  return static_cast<uint16_t>(0xffffffffu - static_cast<uint32_t>(key));
}

}  // namespace

void select_top_k(std::span<const float> values, std::span<uint16_t> positions, std::vector<uint64_t>& keys) {
  CHECK(!positions.empty() && positions.size() <= values.size() && values.size() <= 65536);
  keys.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) keys[i] = ranking_key(values[i], i);
  const auto last_kept = keys.begin() + static_cast<std::ptrdiff_t>(positions.size()) - 1;
  std::ranges::nth_element(keys, last_kept, std::greater<>());
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = position_of(keys[i]);
  std::ranges::sort(positions);
}

}  // namespace templar
