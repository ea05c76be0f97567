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
#include "core/codec/residual.h"
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

// [rows, inner] x [inner, columns], either side transposed as asked, as the protocol writes the sums.
Values plain_product(const Values& left, bool turn_left, const Values& right, bool turn_right, size_t rows,
                     size_t inner, size_t columns) {
  Values out;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) {
      float sum = 0.0f;
      for (size_t i = 0; i < inner; ++i) {
        const float term = left[turn_left ? i * rows + r : r * inner + i] *
                           right[turn_right ? c * inner + i : i * columns + c];
        sum = sum + term;
      }
      out.push_back(sum);
    }
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
    const Values row_basis = dct_basis(tile_rows);
    const Values column_basis = dct_basis(tile_columns);
    const Values before = mixed_values(rows * columns, rows * 1000 + columns);
    Values scratch(before.size());
    Values tile = before;
    transform.forward(tile, scratch);
    Values half = plain_product(before, false, column_basis, false, rows, columns, columns);
    EXPECT_EQ(bits(tile), bits(plain_product(row_basis, true, half, false, rows, rows, columns)))
        << rows << " x " << columns;
    tile = before;
    transform.inverse(tile, scratch);
    half = plain_product(before, false, column_basis, true, rows, columns, columns);
    EXPECT_EQ(bits(tile), bits(plain_product(row_basis, false, half, false, rows, rows, columns)))
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
        Values tile(static_cast<size_t>(rows * columns));
        const Values sent = mixed_values(tile.size(), 3);
        Values out(base.size());
        Values want(base.size());
        Values want_tile;
        EXPECT_TRUE(read_tile(input, tile_rows(plan, chunk), tile));
        write_difference(input, tile_rows(plan, chunk), sent, out);
        for_each_tile_row(plan, chunk, [&](size_t dense, size_t place) {
          for (size_t i = 0; i < static_cast<size_t>(columns); ++i) {
            want_tile.push_back(input.at(dense + i));
            want[dense + i] = input.at(dense + i) - sent[place + i];
          }
        });
        ASSERT_EQ(bits(tile), bits(want_tile));
        ASSERT_EQ(bits(out), bits(want));
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

TEST_P(CodecKernels, TheResidualIsWhatIsLeftOfEveryElement) {
  ThreadTeam team(3);
  for (const bool use_dct : {false, true}) {
    for (const auto& [rows, columns] : kShapes) {
      const ParameterInfo parameter{"matrix", {2 * rows, 3 * columns}};
      const CodecSpec codec = codec_of(64, 12, use_dct);
      const Values base = mixed_values(static_cast<size_t>(parameter.count()), 4);
      const Values added = mixed_values(base.size(), 5);
      auto encoded = compress(base, parameter, codec, team);
      ASSERT_TRUE(encoded.has_value());
      for (const bool scaled : {false, true}) {
        if (scaled) encoded->scales = mixed_values(static_cast<size_t>(encoded->plan.chunk_count()), 6);
        Values sent(base.size());
        decompress(*encoded, codec, sent, team);
        for (const BlendedInput& input : inputs_of(base, added)) {
          Values want;
          for (size_t i = 0; i < base.size(); ++i) want.push_back(input.at(i) - sent[i]);
          Values out(base.size());
          store_residual(input, *encoded, codec, out, team);
          EXPECT_EQ(bits(out), bits(want)) << use_dct << ", " << rows << " x " << columns;
        }
      }
    }
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
