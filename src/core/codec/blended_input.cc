#include "core/codec/blended_input.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/codec/blended_input.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE void prefetch(const float* from, size_t count) {
  constexpr size_t kCacheLine = 16;
  for (size_t i = 0; i < count; i += kCacheLine) __builtin_prefetch(from + i, 0, 2);
}

// A tile's rows lie far apart, often in the same cache sets: only the next few are fetched ahead, the last
// rows' successors being the next tile's first.
template <class Input>
HWY_INLINE void fetch_ahead(const Input& input, const TileRows& rows, size_t row) {
  constexpr size_t kRowsAhead = 8;
  const size_t ahead = row + kRowsAhead;
  if (ahead < rows.rows) {
    input.fetch(rows.first + ahead * rows.stride, rows.columns);
  } else if (rows.next != rows.first && ahead - rows.rows < rows.rows) {
    input.fetch(rows.next + (ahead - rows.rows) * rows.stride, rows.columns);
  }
}

struct OneInput {
  const float* values;
  float factor;

  template <class D>
  HWY_INLINE hn::Vec<D> at(D d, size_t i) const {
    return hn::Mul(hn::Set(d, factor), hn::LoadU(d, values + i));
  }
  HWY_INLINE void fetch(size_t begin, size_t count) const { prefetch(values + begin, count); }
};

struct TwoInputs {
  OneInput base;
  OneInput added;

  template <class D>
  HWY_INLINE hn::Vec<D> at(D d, size_t i) const {
    // Not MulAdd: it would round once where BlendedInput::at() rounds twice.
    return hn::Add(base.at(d, i), added.at(d, i));
  }
  HWY_INLINE void fetch(size_t begin, size_t count) const {
    base.fetch(begin, count);
    added.fetch(begin, count);
  }
};

template <bool kStore, class Input>
HWY_INLINE bool read_rows(const Input& input, const TileRows& rows, float* tile, float* out) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const hn::RebindToSigned<decltype(d)> integers;
  const hn::RebindToSigned<decltype(one)> one_integer;
  // Without sign the bits of floats, read as integers, are ordered as the floats are, with infinity and NaN
  // above all finite ones: one maximum finds both.
  constexpr int32_t kLargestFinite = 0x7f7fffff;
  const size_t lanes = hn::Lanes(d);
  auto largest = hn::Zero(integers);
  auto largest_one = hn::Zero(one_integer);
  for (size_t row = 0; row < rows.rows; ++row, tile += rows.columns) {
    const size_t dense = rows.first + row * rows.stride;
    fetch_ahead(input, rows, row);
    size_t i = 0;
    for (; i + lanes <= rows.columns; i += lanes) {
      const auto value = input.at(d, dense + i);
      largest = hn::Max(largest, hn::BitCast(integers, hn::Abs(value)));
      hn::StoreU(value, d, tile + i);
      if constexpr (kStore) hn::StoreU(value, d, out + dense + i);
    }
    for (; i < rows.columns; ++i) {
      const auto value = input.at(one, dense + i);
      largest_one = hn::Max(largest_one, hn::BitCast(one_integer, hn::Abs(value)));
      hn::StoreU(value, one, tile + i);
      if constexpr (kStore) hn::StoreU(value, one, out + dense + i);
    }
  }
  return hn::AllFalse(integers, hn::Gt(largest, hn::Set(integers, kLargestFinite))) &&
         hn::GetLane(largest_one) <= kLargestFinite;
}

template <bool kStore>
HWY_INLINE bool read_blended(const BlendedInput& input, const TileRows& rows, float* tile, float* out) {
  const OneInput base{input.base.data(), input.base_factor};
  const OneInput added{input.added.data(), input.added_factor};
  if (input.added.empty()) return read_rows<kStore>(base, rows, tile, out);
  if (input.base.empty()) return read_rows<kStore>(added, rows, tile, out);
  return read_rows<kStore>(TwoInputs{base, added}, rows, tile, out);
}

bool read_one_tile(const BlendedInput& input, const TileRows& rows, float* tile) {
  return read_blended<false>(input, rows, tile, nullptr);
}

bool read_and_store_one_tile(const BlendedInput& input, const TileRows& rows, float* tile, float* out) {
  return read_blended<true>(input, rows, tile, out);
}

// Where tile is null, it is what out holds.
void store_difference_of(const float* tile, const float* sent, const TileRows& rows, float* out) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const size_t lanes = hn::Lanes(d);
  for (size_t row = 0; row < rows.rows; ++row) {
    float* const to = out + rows.first + row * rows.stride;
    const float* const from = tile == nullptr ? to : tile + row * rows.columns;
    const float* const less = sent + row * rows.columns;
    size_t i = 0;
    for (; i + lanes <= rows.columns; i += lanes)
      hn::StoreU(hn::Sub(hn::LoadU(d, from + i), hn::LoadU(d, less + i)), d, to + i);
    for (; i < rows.columns; ++i)
      hn::StoreU(hn::Sub(hn::LoadU(one, from + i), hn::LoadU(one, less + i)), one, to + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

HWY_EXPORT(read_one_tile);
HWY_EXPORT(read_and_store_one_tile);
HWY_EXPORT(store_difference_of);

}  // namespace

TileRows tile_rows(const ChunkPlan& plan, int64_t chunk) {
  const int64_t next = chunk + 1 < plan.chunk_count() ? chunk + 1 : chunk;
  return {static_cast<size_t>(plan.first_element(chunk)), static_cast<size_t>(plan.columns),
          static_cast<size_t>(plan.tile_rows), static_cast<size_t>(plan.tile_columns),
          static_cast<size_t>(plan.first_element(next))};
}

bool read_tile(const BlendedInput& input, const TileRows& rows, std::span<float> tile) {
  CHECK(tile.size() == rows.rows * rows.columns);
  return HWY_DYNAMIC_DISPATCH(read_one_tile)(input, rows, tile.data());
}

bool read_and_store_tile(const BlendedInput& input, const TileRows& rows, std::span<float> tile,
                         std::span<float> out) {
  CHECK(tile.size() == rows.rows * rows.columns && out.size() == input.size());
  return HWY_DYNAMIC_DISPATCH(read_and_store_one_tile)(input, rows, tile.data(), out.data());
}

void store_difference(std::span<const float> tile, std::span<const float> sent, const TileRows& rows,
                      std::span<float> out) {
  CHECK(tile.size() == rows.rows * rows.columns && sent.size() == tile.size());
  HWY_DYNAMIC_DISPATCH(store_difference_of)(tile.data(), sent.data(), rows, out.data());
}

void subtract_tile(std::span<const float> sent, const TileRows& rows, std::span<float> out) {
  CHECK(sent.size() == rows.rows * rows.columns);
  HWY_DYNAMIC_DISPATCH(store_difference_of)(nullptr, sent.data(), rows, out.data());
}

void store_blend(const BlendedInput& input, std::span<float> out, ThreadTeam& team) {
  CHECK(out.size() == input.size());
  constexpr size_t kPiece = 4096;
  team.for_ranges(out.size(), kPiece, [&](size_t begin, size_t end) {
    std::vector<float> piece(kPiece);
    for (; begin < end; begin += kPiece) {
      const size_t size = std::min(kPiece, end - begin);
      // What is not finite stays so.
      (void)read_and_store_tile(input, {.first = begin, .columns = size, .next = begin},
                                std::span(piece).first(size), out);
    }
  });
}

}  // namespace templar
#endif  // HWY_ONCE
