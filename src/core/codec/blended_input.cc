#include "core/codec/blended_input.h"

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
    return hn::Add(base.at(d, i), added.at(d, i));
  }
  HWY_INLINE void fetch(size_t begin, size_t count) const {
    base.fetch(begin, count);
    added.fetch(begin, count);
  }
};

template <class Input>
HWY_INLINE bool read_rows(const Input& input, const TileRows& rows, float* tile) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const hn::RebindToSigned<decltype(d)> integers;
  const hn::RebindToSigned<decltype(one)> one_integer;
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
    }
    for (; i < rows.columns; ++i) {
      const auto value = input.at(one, dense + i);
      largest_one = hn::Max(largest_one, hn::BitCast(one_integer, hn::Abs(value)));
      hn::StoreU(value, one, tile + i);
    }
  }
  return hn::AllFalse(integers, hn::Gt(largest, hn::Set(integers, kLargestFinite))) &&
         hn::GetLane(largest_one) <= kLargestFinite;
}

template <bool kSubtract, class Input>
HWY_INLINE void write_rows(const Input& input, const TileRows& rows, const float* tile, float* out) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const size_t lanes = hn::Lanes(d);
  for (size_t row = 0; row < rows.rows; ++row) {
    const size_t dense = rows.first + row * rows.stride;
    const float* sent = kSubtract ? tile + row * rows.columns : nullptr;
    fetch_ahead(input, rows, row);
    size_t i = 0;
    for (; i + lanes <= rows.columns; i += lanes) {
      auto value = input.at(d, dense + i);
      if constexpr (kSubtract) value = hn::Sub(value, hn::LoadU(d, sent + i));
      hn::StoreU(value, d, out + dense + i);
    }
    for (; i < rows.columns; ++i) {
      auto value = input.at(one, dense + i);
      if constexpr (kSubtract) value = hn::Sub(value, hn::LoadU(one, sent + i));
      hn::StoreU(value, one, out + dense + i);
    }
  }
}

bool read_blended(const BlendedInput& input, const TileRows& rows, float* tile) {
  const OneInput base{input.base.data(), input.base_factor};
  const OneInput added{input.added.data(), input.added_factor};
  if (input.added.empty()) return read_rows(base, rows, tile);
  if (input.base.empty()) return read_rows(added, rows, tile);
  return read_rows(TwoInputs{base, added}, rows, tile);
}

template <bool kSubtract>
HWY_INLINE void write_blended(const BlendedInput& input, const TileRows& rows, const float* tile,
                              float* out) {
  const OneInput base{input.base.data(), input.base_factor};
  const OneInput added{input.added.data(), input.added_factor};
  if (input.added.empty()) return write_rows<kSubtract>(base, rows, tile, out);
  if (input.base.empty()) return write_rows<kSubtract>(added, rows, tile, out);
  write_rows<kSubtract>(TwoInputs{base, added}, rows, tile, out);
}

void write_blend(const BlendedInput& input, const TileRows& rows, const float* tile, float* out) {
  tile == nullptr ? write_blended<false>(input, rows, tile, out)
                  : write_blended<true>(input, rows, tile, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {
namespace {

HWY_EXPORT(read_blended);
HWY_EXPORT(write_blend);

}  // namespace

TileRows tile_rows(const ChunkPlan& plan, int64_t chunk) {
  const int64_t next = chunk + 1 < plan.chunk_count() ? chunk + 1 : chunk;
  return {static_cast<size_t>(plan.first_element(chunk)), static_cast<size_t>(plan.columns),
          static_cast<size_t>(plan.tile_rows), static_cast<size_t>(plan.tile_columns),
          static_cast<size_t>(plan.first_element(next))};
}

bool read_tile(const BlendedInput& input, const TileRows& rows, std::span<float> tile) {
  CHECK(tile.size() == rows.rows * rows.columns);
  return HWY_DYNAMIC_DISPATCH(read_blended)(input, rows, tile.data());
}

void write_difference(const BlendedInput& input, const TileRows& rows, std::span<const float> tile,
                      std::span<float> out) {
  CHECK(tile.empty() || tile.size() == rows.rows * rows.columns);
  HWY_DYNAMIC_DISPATCH(write_blend)(input, rows, tile.empty() ? nullptr : tile.data(), out.data());
}

}  // namespace templar
#endif  // HWY_ONCE
