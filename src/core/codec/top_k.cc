#include "core/codec/top_k.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/codec/top_k.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Integers = hn::ScalableTag<int32_t>;

// Magnitudes and places of the values whose magnitude is at least floor, in order; returns how many. Both
// arrays have room for a vector more than count, and a vector of -1 ends the magnitudes.
size_t gather_candidates(const float* values, size_t count, int32_t floor, int32_t* magnitudes,
                         int32_t* places) {
  const Integers d;
  const hn::ScalableTag<float> floats;
  const size_t lanes = hn::Lanes(d);
  const auto below = hn::Set(d, floor - 1);
  const auto step = hn::Set(d, static_cast<int32_t>(lanes));
  auto place = hn::Iota(d, 0);
  size_t found = 0;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto magnitude = hn::BitCast(d, hn::Abs(hn::LoadU(floats, values + i)));
    const auto reached = hn::Gt(magnitude, below);
    // Compressed in a register and stored whole: a compressing store takes far longer on some processors.
    hn::StoreU(hn::Compress(magnitude, reached), d, magnitudes + found);
    hn::StoreU(hn::Compress(place, reached), d, places + found);
    found += hn::CountTrue(d, reached);
    place = hn::Add(place, step);
  }
  for (; i < count; ++i) {
    const auto magnitude = hn::GetLane(
        hn::BitCast(hn::CappedTag<int32_t, 1>(), hn::Abs(hn::LoadU(hn::CappedTag<float, 1>(), values + i))));
    magnitudes[found] = magnitude;
    places[found] = static_cast<int32_t>(i);
    found += magnitude >= floor ? 1 : 0;
  }
  hn::StoreU(hn::Set(d, -1), d, magnitudes + found);
  return found;
}

size_t count_reaching(const int32_t* magnitudes, size_t count, int32_t floor) {
  const Integers d;
  const auto below = hn::Set(d, floor - 1);
  size_t reaching = 0;
  for (size_t i = 0; i < count; i += hn::Lanes(d))
    reaching += hn::CountTrue(d, hn::Gt(hn::LoadU(d, magnitudes + i), below));
  return reaching;
}

// Moves the places of the magnitudes that reach floor to the front.
void compact_places(const int32_t* magnitudes, size_t count, int32_t floor, int32_t* places) {
  const Integers d;
  const auto below = hn::Set(d, floor - 1);
  size_t moved = 0;
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto reached = hn::Gt(hn::LoadU(d, magnitudes + i), below);
    hn::StoreU(hn::Compress(hn::LoadU(d, places + i), reached), d, places + moved);
    moved += hn::CountTrue(d, reached);
  }
}

// The kept largest of the candidates, all of which reach floor; their places go to the front of places, and
// the smallest kept magnitude is returned. Bisects for a floor that just kept of them reach: integers, so
// this ends, and where ties forbid such a floor, it ends at the magnitude that is tied.
int32_t keep_largest(int32_t* magnitudes, int32_t* places, size_t count, size_t kept, int32_t floor) {
  int64_t low = floor;
  // The first number above every magnitude, NaN's included: one more than an int32_t holds.
  int64_t high = int64_t{1} << 31;
  size_t reach_low = count;
  size_t reach_high = 0;
  while (reach_low != kept && high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    const size_t reaching = count_reaching(magnitudes, count, static_cast<int32_t>(middle));
    (reaching >= kept ? low : high) = middle;
    (reaching >= kept ? reach_low : reach_high) = reaching;
  }
  const auto smallest = static_cast<int32_t>(low);
  if (reach_low != kept) {
    size_t room = kept - reach_high;
    for (size_t i = 0; i < count; ++i) {
      // Of the tied ones the first keep their room, the rest are taken out: candidates are in the order of
      // positions.
      if (magnitudes[i] == smallest && (room == 0 || room-- == 0)) magnitudes[i] = -1;
    }
  }
  compact_places(magnitudes, count, smallest, places);
  return smallest;
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

HWY_EXPORT(gather_candidates);
HWY_EXPORT(keep_largest);

// Room behind the candidates for a vector of any processor.
constexpr size_t kMaxLanes = 64;

// A magnitude that at least kept values reach, and few others: the floor of a bucket of half a power of two.
int32_t ranking_floor(std::span<const float> values, size_t kept) {
  constexpr int kBucketShift = 22;
  std::array<uint32_t, 512> bucket_counts{};
  for (const float value : values)
    ++bucket_counts[(std::bit_cast<uint32_t>(value) & 0x7fffffff) >> kBucketShift];
  int32_t bucket = 511;
  for (size_t reached = bucket_counts[511]; reached < kept; reached += bucket_counts[bucket]) --bucket;
  return bucket << kBucketShift;
}

}  // namespace

void select_top_k(std::span<const float> values, std::span<uint16_t> positions, TopKScratch& scratch) {
  const size_t kept = positions.size();
  CHECK(kept >= 1 && kept <= values.size() && values.size() <= 65536);
  if (scratch.places.size() < values.size() + kMaxLanes) {
    scratch.magnitudes.resize(values.size() + kMaxLanes);
    scratch.places.resize(values.size() + kMaxLanes);
  }
  const auto gather = [&](int32_t floor) {
    return HWY_DYNAMIC_DISPATCH(gather_candidates)(values.data(), values.size(), floor,
                                                   scratch.magnitudes.data(), scratch.places.data());
  };
  int32_t floor = scratch.floor;
  size_t found = gather(floor);
  // The guess from the chunk before does not fit this one: too few reach it, or so many that a new floor
  // comes before bisecting them.
  if (found < kept || found > 4 * kept + 256) {
    floor = ranking_floor(values, kept);
    found = gather(floor);
  }
  const int32_t smallest = HWY_DYNAMIC_DISPATCH(keep_largest)(scratch.magnitudes.data(),
                                                              scratch.places.data(), found, kept, floor);
  for (size_t i = 0; i < kept; ++i) positions[i] = static_cast<uint16_t>(scratch.places[i]);
  // 6 to 9 % lower: several deviations of a normal chunk's smallest kept magnitude.
  scratch.floor = std::max(smallest - (3 << 18), 0);
}

}  // namespace templar
#endif  // HWY_ONCE
