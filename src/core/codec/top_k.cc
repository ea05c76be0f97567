#include "core/codec/top_k.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>

#include "base/check.h"

namespace templar {
namespace {

// The magnitude of a finite value as an integer of the same order.
uint32_t magnitude(float value) {
  return std::bit_cast<uint32_t>(value) & 0x7fffffff;
}

// Magnitude above, position below and turned round: the larger key goes first, and no two are equal.
uint64_t ranking_key(uint32_t magnitude, size_t position) {
  return static_cast<uint64_t>(magnitude) << 32 | (0xffffffffu - static_cast<uint32_t>(position));
}

uint16_t position_of(uint64_t key) {
  return static_cast<uint16_t>(0xffffffffu - static_cast<uint32_t>(key));
}

// A magnitude that at least kept values reach, and few others: the floor of a bucket of half a power of two.
uint32_t ranking_floor(std::span<const float> values, size_t kept) {
  constexpr int kBucketShift = 22;
  std::array<uint32_t, 512> bucket_counts{};
  for (const float value : values) ++bucket_counts[magnitude(value) >> kBucketShift];
  uint32_t bucket = 511;
  for (size_t reached = bucket_counts[bucket]; reached < kept; reached += bucket_counts[bucket]) --bucket;
  return bucket << kBucketShift;
}

}  // namespace

void select_top_k(std::span<const float> values, std::span<uint16_t> positions, std::vector<uint64_t>& keys) {
  CHECK(!positions.empty() && positions.size() <= values.size() && values.size() <= 65536);
  const uint32_t floor = ranking_floor(values, positions.size());
  keys.clear();
  for (size_t i = 0; i < values.size(); ++i) {
    if (magnitude(values[i]) >= floor) keys.push_back(ranking_key(magnitude(values[i]), i));
  }
  const auto last_kept = keys.begin() + static_cast<std::ptrdiff_t>(positions.size()) - 1;
  std::ranges::nth_element(keys, last_kept, std::greater<>());
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = position_of(keys[i]);
  std::ranges::sort(positions);
}

}  // namespace templar
