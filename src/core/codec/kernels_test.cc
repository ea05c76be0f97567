// Every vector kernel on every processor target that this machine has equals a plain loop to the last bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "core/codec/blended_input.h"
#include "core/codec/compressor.h"
#include "core/codec/dct.h"
#include "core/codec/parameter_encoder.h"
#include "core/codec/top_k.h"
#include "support/expect_failure.h"
#include "support/simd_targets.h"

namespace templar {
namespace {

using Values = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class CodecKernels : public testing::OnEachSimdTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, CodecKernels, testing::simd_targets(), testing::simd_target_name);

// Normal values with zeros of both signs, subnormal numbers and equal magnitudes among them.
Values mixed_values(size_t count, uint64_t seed) {
  Random random(seed);
  Values values(count);
  for (float& value : values) {
    value = static_cast<float>(random.normal());
    switch (random.below(12)) {
      case 0:
        value = 0.0f;
        break;
      case 1:
        value = -0.0f;
        break;
      case 2:
        value *= 1e-39f;
        break;
      case 3:
        value = random.below(2) == 0 ? 1.5f : -1.5f;
        break;
      default:
        break;
    }
  }
  return values;
}

std::vector<uint32_t> bits(std::span<const float> values) {
  std::vector<uint32_t> result;
  for (const float value : values) result.push_back(std::bit_cast<uint32_t>(value));
  return result;
}

CodecSpec codec_of(int64_t chunk, int64_t topk, bool use_dct) {
  return {.chunk = chunk,
          .topk = topk,
          .use_dct = use_dct,
          .quantiser_bins = 4,
          .quantiser_range_sigmas = 6,
          .error_feedback_decay = 0.95};
}

// One line of n values, as the protocol writes the sums; basis is dct_basis(n).
Values plain_forward(const Values& line, const Values& basis) {
  const size_t n = line.size();
  Values out(n);
  for (size_t k = 0; k < n; ++k) {
    float sum = 0.0f;
    for (size_t i = 0; i < (n % 2 == 0 ? n / 2 : n); ++i) {
      const float mirrored = line[n - 1 - i];
      const float folded = n % 2 != 0 ? line[i] : k % 2 == 0 ? line[i] + mirrored : line[i] - mirrored;
      const float term = folded * basis[i * n + k];
      sum = sum + term;
    }
    out[k] = sum;
  }
  return out;
}

Values plain_inverse(const Values& line, const Values& basis) {
  const size_t n = line.size();
  Values out(n);
  const auto sum_of = [&](size_t i, size_t first, size_t step) {
    float sum = 0.0f;
    for (size_t k = first; k < n; k += step) {
      const float term = basis[i * n + k] * line[k];
      sum = sum + term;
    }
    return sum;
  };
  for (size_t i = 0; i < n; ++i) {
    if (n % 2 != 0) {
      out[i] = sum_of(i, 0, 1);
    } else {
      const size_t near = std::min(i, n - 1 - i);
      const float even = sum_of(near, 0, 2);
      const float odd = sum_of(near, 1, 2);
      out[i] = i < n / 2 ? even + odd : even - odd;
    }
  }
  return out;
}

// First along the rows, then along the columns.
template <typename Line>
Values plain_transform(const Values& tile, size_t rows, size_t columns, Line transform_line) {
  Values out = tile;
  const Values across = dct_basis(static_cast<int64_t>(columns));
  const Values down = dct_basis(static_cast<int64_t>(rows));
  for (size_t r = 0; r < rows; ++r) {
    const auto begin = out.begin() + static_cast<std::ptrdiff_t>(r * columns);
    std::ranges::copy(transform_line(Values(begin, begin + static_cast<std::ptrdiff_t>(columns)), across),
                      begin);
  }
  for (size_t c = 0; c < columns; ++c) {
    Values line;
    for (size_t r = 0; r < rows; ++r) line.push_back(out[r * columns + c]);
    const Values transformed = transform_line(line, down);
    for (size_t r = 0; r < rows; ++r) out[r * columns + c] = transformed[r];
  }
  return out;
}

constexpr std::pair<int64_t, int64_t> kShapes[] = {{64, 64}, {1, 1},   {1, 64},  {5, 7},
                                                   {4, 16},  {16, 29}, {29, 3},  {33, 48},
                                                   {3, 130}, {8, 100}, {128, 1}, {1, 256}};

TEST_P(CodecKernels, TransformsEqualPlainSums) {
  for (const auto& [tile_rows, tile_columns] : kShapes) {
    const auto rows = static_cast<size_t>(tile_rows);
    const auto columns = static_cast<size_t>(tile_columns);
    const TileTransform transform({tile_rows, tile_columns, tile_rows, tile_columns, 1}, {.use_dct = true});
    const Values before = mixed_values(rows * columns, rows * 1000 + columns);
    Values scratch(before.size());
    Values tile = before;
    transform.forward(tile, scratch);
    EXPECT_EQ(bits(tile), bits(plain_transform(before, rows, columns, plain_forward)))
        << rows << " x " << columns;
    tile = before;
    transform.inverse(tile, scratch);
    EXPECT_EQ(bits(tile), bits(plain_transform(before, rows, columns, plain_inverse)))
        << rows << " x " << columns;
  }
}

TEST_P(CodecKernels, TheInverseOfFewCoefficientsEqualsThatOfTheWholeTile) {
  Random random(3);
  for (const auto& [rows, columns] : kShapes) {
    for (const bool use_dct : {false, true}) {
      const TileTransform transform({rows, columns, rows, columns, 1}, {.use_dct = use_dct});
      const auto count = static_cast<size_t>(rows * columns);
      const Values some = mixed_values(count, count);
      for (const uint64_t one_in : {1, 4, 64}) {
        std::vector<uint16_t> positions;
        Values values;
        Values dense(count);
        for (size_t i = 0; i < count; ++i) {
          if (random.below(one_in) != 0) continue;
          positions.push_back(static_cast<uint16_t>(i));
          values.push_back(some[i]);
          dense[i] = some[i];
        }
        Values tile(count, NAN);
        Values scratch(count, NAN);
        transform.inverse_sparse(positions, values, tile, scratch);
        transform.inverse(dense, scratch);
        EXPECT_EQ(bits(tile), bits(dense)) << rows << " x " << columns << ", one in " << one_in;
      }
    }
  }
}

std::vector<uint16_t> plain_top(const Values& values, size_t kept) {
  std::vector<uint16_t> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint16_t>(i);
  std::ranges::stable_sort(
      order, [&](uint16_t a, uint16_t b) { return std::fabs(values[a]) > std::fabs(values[b]); });
  order.resize(kept);
  std::ranges::sort(order);
  return order;
}

TEST_P(CodecKernels, SelectionEqualsSortingWhateverTheScratchHolds) {
  TopKScratch scratch;
  Random random(5);
  for (const size_t count : {1, 2, 7, 16, 31, 64, 333, 4096, 65536}) {
    for (const float size : {1.0f, 1e-40f, 1e30f}) {
      Values values = mixed_values(count, count);
      for (float& value : values) value *= size;
      for (const size_t kept : {size_t{1}, size_t{2}, count / 64, count / 3, count - 1, count}) {
        if (kept < 1 || kept > count) continue;
        std::vector<uint16_t> positions(kept);
        select_top_k(values, positions, scratch);
        EXPECT_EQ(positions, plain_top(values, kept)) << count << ", " << kept << ", " << size;
        scratch.floor = static_cast<int32_t>(random.below(uint64_t{1} << 31));
        select_top_k(values, positions, scratch);
        EXPECT_EQ(positions, plain_top(values, kept)) << count << ", " << kept << ", " << size;
      }
    }
  }
}

TEST_P(CodecKernels, SelectionAmongEqualMagnitudesTakesTheFirst) {
  TopKScratch scratch;
  for (const float magnitude : {0.0f, 1e-45f, 0.25f}) {
    Values values(4096, magnitude);
    for (size_t i = 0; i < values.size(); i += 3) values[i] = -magnitude;
    values[4000] = 1.0f;
    for (int round = 0; round < 2; ++round) {
      std::vector<uint16_t> positions(64);
      select_top_k(values, positions, scratch);
      EXPECT_EQ(positions, plain_top(values, 64)) << magnitude;
    }
  }
}

// The three kinds of input, from two arrays.
std::vector<BlendedInput> inputs_of(std::span<const float> base, std::span<const float> added) {
  return {
      {base, 0.95f, added, 0.3f}, {.base = base}, {.base = base, .base_factor = 0.7f}, {{}, 1, added, 0.1f}};
}

TEST_P(CodecKernels, TilesAreReadAndWrittenAsElementByElement) {
  for (const auto& [rows, columns] : kShapes) {
    const ChunkPlan plan{3 * rows, 2 * columns, rows, columns, 1};
    const Values base = mixed_values(static_cast<size_t>(6 * rows * columns), 1);
    const Values added = mixed_values(base.size(), 2);
    for (const BlendedInput& input : inputs_of(base, added)) {
      for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
        const TileRows where = tile_rows(plan, chunk);
        Values tile(static_cast<size_t>(rows * columns));
        const Values sent = mixed_values(tile.size(), 3);
        Values stored(base.size());
        Values left(base.size());
        Values want(base.size());
        Values want_left(base.size());
        Values want_tile;
        for_each_tile_row(plan, chunk, [&](size_t dense, size_t place) {
          for (size_t i = 0; i < static_cast<size_t>(columns); ++i) {
            want_tile.push_back(input.at(dense + i));
            want[dense + i] = input.at(dense + i);
            want_left[dense + i] = input.at(dense + i) - sent[place + i];
          }
        });
        EXPECT_TRUE(read_tile(input, where, tile));
        ASSERT_EQ(bits(tile), bits(want_tile));
        store_difference(tile, sent, where, left);
        ASSERT_EQ(bits(left), bits(want_left));
        EXPECT_TRUE(read_and_store_tile(input, where, tile, stored));
        ASSERT_EQ(bits(tile), bits(want_tile));
        ASSERT_EQ(bits(stored), bits(want));
        subtract_tile(sent, where, stored);
        ASSERT_EQ(bits(stored), bits(want_left));
      }
    }
  }
}

TEST_P(CodecKernels, EveryElementThatIsNotFiniteIsSeen) {
  for (const size_t columns : {1, 15, 16, 64, 67}) {
    const TileRows rows{0, columns, 2, columns, 0};
    for (const float bad : {NAN, -NAN, kInfinity, -kInfinity}) {
      for (size_t at = 0; at < 2 * columns; ++at) {
        Values values = mixed_values(2 * columns, 1);
        values[at] = bad;
        Values tile(values.size());
        EXPECT_FALSE(read_tile({.base = values}, rows, tile)) << columns << ", " << at;
      }
    }
    Values largest(2 * columns, -std::numeric_limits<float>::max());
    Values tile(largest.size());
    EXPECT_TRUE(read_tile({.base = largest}, rows, tile));
  }
}

TEST_P(CodecKernels, WhatIsLeftIsWhatWasThereLessWhatWasSent) {
  ThreadTeam team(3);
  for (const Quantiser quantiser :
       {Quantiser::kMean4, Quantiser::kBlockLog, Quantiser::kNone, Quantiser::kNoneBf16}) {
    for (const bool use_dct : {false, true}) {
      for (const auto& [rows, columns] : kShapes) {
        const ParameterInfo parameter{"matrix", {2 * rows, 3 * columns}};
        CodecSpec codec = codec_of(64, 12, use_dct);
        codec.quantiser = quantiser;
        const Values base = mixed_values(static_cast<size_t>(parameter.count()), 4);
        const Values added = mixed_values(base.size(), 5);
        for (const BlendedInput& input : inputs_of(base, added)) {
          Values left(base.size());
          const auto encoded = encode_parameter(input, parameter, codec, team, {.out = left});
          ASSERT_TRUE(encoded.has_value());
          Values sent(base.size());
          decompress(*encoded, codec, sent, team);
          Values want;
          for (size_t i = 0; i < base.size(); ++i) want.push_back(input.at(i) - sent[i]);
          EXPECT_EQ(bits(left), bits(want)) << use_dct << ", " << rows << " x " << columns;

          Values whole(base.size());
          ASSERT_EQ(*encode_parameter(input, parameter, codec, team, {whole, false}), *encoded);
          for (size_t i = 0; i < base.size(); ++i) want[i] = input.at(i);
          EXPECT_EQ(bits(whole), bits(want)) << use_dct << ", " << rows << " x " << columns;
        }
      }
    }
  }
}

TEST_P(CodecKernels, WhatIsLeftMayTakeThePlaceOfEitherInput) {
  ThreadTeam team(2);
  const ParameterInfo parameter{"matrix", {96, 130}};
  for (const bool use_dct : {false, true}) {
    const CodecSpec codec = codec_of(32, 16, use_dct);
    const Values base = mixed_values(96 * 130, 4);
    const Values added = mixed_values(base.size(), 5);
    Values left(base.size());
    const auto encoded = encode_parameter({base, 0.95f, added, 0.3f}, parameter, codec, team, {.out = left});
    Values over_base = base;
    EXPECT_EQ(
        encode_parameter({over_base, 0.95f, added, 0.3f}, parameter, codec, team, {.out = over_base}).value(),
        *encoded);
    EXPECT_EQ(bits(over_base), bits(left));
    Values over_added = added;
    EXPECT_EQ(encode_parameter({base, 0.95f, over_added, 0.3f}, parameter, codec, team, {.out = over_added})
                  .value(),
              *encoded);
    EXPECT_EQ(bits(over_added), bits(left));
  }
}

TEST_P(CodecKernels, AChunksScaleMultipliesItsValues) {
  ThreadTeam team(1);
  const EncodedParameter encoded{.plan = {1, 4, 1, 2, 1},
                                 .codebook = {0.5f, -3.0f},
                                 .scales = {2.0f, 0.25f},
                                 .positions = {1, 0},
                                 .codes = {0, 1}};
  Values out(4);
  decompress(encoded, codec_of(2, 1, false), out, team);
  EXPECT_EQ(out, (Values{0, 1.0f, -0.75f, 0}));
}

TEST_P(CodecKernels, OfSeveralBadElementsTheLowestIsNamed) {
  ThreadTeam team(2);
  Values values = mixed_values(64 * 96, 1);
  values[40 * 96 + 3] = kInfinity;  // a chunk of the second row of chunks
  values[5 * 96 + 90] = NAN;        // the lowest, in the last chunk of the first row of chunks
  values[6 * 96 + 1] = NAN;         // a lower chunk, but a higher element
  for (const bool use_dct : {false, true}) {
    EXPECT_TRUE(testing::fails(compress(values, {"w", {64, 96}}, codec_of(32, 16, use_dct), team),
                               ErrorKind::kSkip, "compress w: element 570 is"));
  }
}

}  // namespace
}  // namespace templar
