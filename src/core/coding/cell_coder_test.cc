#include "core/coding/cell_coder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace templar {
namespace {

using Positions = std::vector<uint16_t>;

ChunkPlan tile(int64_t rows, int64_t columns, int64_t kept) {
  return {.rows = rows, .columns = columns, .tile_rows = rows, .tile_columns = columns, .kept = kept};
}

// Cells that are full, ragged, of one position; one interval and many; hardly anything kept and all of it.
std::vector<ChunkPlan> many_tiles() {
  return {tile(1, 1, 1),     tile(1, 64, 1),      tile(1, 64, 33),     tile(64, 1, 9),
          tile(1, 256, 2),   tile(1, 256, 100),   tile(2, 2, 3),       tile(5, 1, 4),
          tile(8, 8, 64),    tile(48, 50, 48),    tile(48, 50, 2399),  tile(64, 64, 1),
          tile(64, 64, 64),  tile(64, 64, 700),   tile(64, 64, 4095),  tile(65, 129, 64),
          tile(128, 64, 65), tile(192, 250, 500), tile(256, 256, 700), tile(256, 256, 65535)};
}

// Any positions; crowded: what is kept, or left out where that is less, is mostly at the top.
Positions draw(const ChunkPlan& plan, bool crowded, Random& random) {
  const int64_t elements = plan.chunk_elements();
  const bool most = plan.kept > elements / 2;
  std::vector<bool> drawn(static_cast<size_t>(elements), false);
  for (int64_t left = most ? elements - plan.kept : plan.kept; left > 0;) {
    const double place = random.uniform() * (crowded ? random.uniform() : 1);
    const auto position = static_cast<size_t>(place * static_cast<double>(elements));
    left -= drawn[position] ? 0 : 1;
    drawn[position] = true;
  }
  Positions positions;
  for (size_t i = 0; i < drawn.size(); ++i) {
    if (drawn[i] != most) positions.push_back(static_cast<uint16_t>(i));
  }
  return positions;
}

int64_t cost(const ChunkPlan& plan, int mode, const Positions& positions) {
  const auto coder = CellCoder::of(plan, mode);
  CellScratch scratch;
  coder->prepare(scratch);
  coder->fill_cells(positions, scratch);
  BitCounter counter;
  coder->count_cells(scratch);
  coder->put_counts(scratch, counter);
  coder->put_places(scratch, counter);
  return counter.total();
}

Bytes written(const ChunkPlan& plan, int mode, const Positions& positions) {
  const auto coder = CellCoder::of(plan, mode);
  CellScratch scratch;
  coder->prepare(scratch);
  coder->fill_cells(positions, scratch);
  BitWriter writer;
  coder->count_cells(scratch);
  coder->put_counts(scratch, writer);
  coder->put_places(scratch, writer);
  return writer.take();
}

bool read(const ChunkPlan& plan, int mode, const Bytes& bytes, Positions& positions) {
  const auto coder = CellCoder::of(plan, mode);
  CellScratch scratch;
  coder->prepare(scratch);
  positions.resize(static_cast<size_t>(plan.kept) + CellCoder::kPositionSlack);
  BitReader reader(bytes);
  const bool good = coder->get(reader, scratch, positions.data());
  positions.resize(static_cast<size_t>(plan.kept));
  return good;
}

// The bits in the order in which they are written, as text.
std::string bits_of(const ChunkPlan& plan, int mode, const Positions& positions) {
  const Bytes bytes = written(plan, mode, positions);
  std::string bits;
  for (int64_t i = 0; i < cost(plan, mode, positions); ++i)
    bits += (bytes[static_cast<size_t>(i / 8)] >> (i % 8) & 1) != 0 ? '1' : '0';
  return bits;
}

// All tiles and modes with one scratch: what a larger tile left in it must not show in a smaller one's.
TEST(CellCoder, BringsPositionsOfEveryShapeAndModeBackInTheOrderOfCoding) {
  Random random(1, "cells");
  CellScratch scratch;
  for (const ChunkPlan& plan : many_tiles()) {
    for (int mode = 0; mode < kPositionModes; ++mode) {
      const auto coder = CellCoder::of(plan, mode);
      std::vector<Positions> chunks;
      BitWriter writer;
      for (const bool crowded : {false, true}) {
        chunks.push_back(draw(plan, crowded, random));
        coder->prepare(scratch);
        coder->fill_cells(chunks.back(), scratch);
        coder->count_cells(scratch);
        coder->put_counts(scratch, writer);
        coder->put_places(scratch, writer);
      }
      const Bytes bytes = writer.take();
      BitReader reader(bytes);
      Positions found(static_cast<size_t>(plan.kept) + CellCoder::kPositionSlack);
      for (Positions& chunk : chunks) {
        coder->prepare(scratch);
        ASSERT_TRUE(coder->get(reader, scratch, found.data()));
        // Column by column in the transposed modes.
        std::ranges::stable_sort(chunk, {}, [&](uint16_t position) {
          return mode < kTransposedMode ? 0 : position % plan.tile_columns;
        });
        ASSERT_TRUE(std::ranges::equal(chunk, std::span(found).first(chunk.size())))
            << plan.tile_rows << " x " << plan.tile_columns << ", " << plan.kept << " kept, mode " << mode;
        ASSERT_TRUE(std::ranges::is_sorted(chunk, {}, [&](uint16_t p) { return coder->order_of(p); }));
      }
      ASSERT_FALSE(reader.overran());
      ASSERT_EQ(reader.next_byte(), bytes.size());
    }
  }
}

// Two cells of two positions. Counts (0, 2), (1, 1), (2, 0) weigh 1, 2 x 2, 1 in class 0, whose codes are 10,
// 0, 11; and 5/32, 1/16, 5/32 in class 3, whose codes are 10, 11, 0. Then a bit for the place in a cell with
// one.
TEST(CellCoder, WritesTheBitsThatFollowByHand) {
  const ChunkPlan two = tile(2, 2, 2);
  EXPECT_EQ(bits_of(two, 0, {0, 1}), "11");
  EXPECT_EQ(bits_of(two, 0, {2, 3}), "10");
  EXPECT_EQ(bits_of(two, 0, {1, 2}), "010");
  EXPECT_EQ(bits_of(two, 3, {0, 1}), "0");
  EXPECT_EQ(bits_of(two, 3, {2, 3}), "10");
  EXPECT_EQ(bits_of(two, 3, {1, 2}), "1110");
  EXPECT_EQ(bits_of(two, 0, {1, 3}), "011");
  EXPECT_EQ(bits_of(two, 4, {1, 3}), "10");   // the second column
  EXPECT_EQ(bits_of(two, 4, {1, 2}), "010");  // the first column's lower, the second's upper one

  // A subset of one cell: {1, 3} has rank C(1, 1) + C(3, 2) = 4 of 6; two are short, 4 + 2 = 2 * 3 + 0.
  EXPECT_EQ(bits_of(tile(1, 4, 2), 0, {1, 3}), "110");

  // Five cells of one position: two or three first, then (0, 1) or (1, 0) = 0 or 1, or (0, 0, 1), (0, 1, 0),
  // (1, 0, 0) = 10, 11, 0.
  const ChunkPlan five = tile(5, 1, 1);
  EXPECT_EQ(bits_of(five, 0, {0}), "11");
  EXPECT_EQ(bits_of(five, 0, {1}), "10");
  EXPECT_EQ(bits_of(five, 0, {2}), "00");
  EXPECT_EQ(bits_of(five, 0, {3}), "011");
  EXPECT_EQ(bits_of(five, 0, {4}), "010");

  // Whole cells: one place takes 6 bits, two take 11, and they come before those with more. Counts (0, 4),
  // (1, 3), ... weigh 635376, 2666496, 4064256, 2666496, 635376, so (3, 1) is 10; the first of 41664 triples
  // is one of 23872 short ones.
  EXPECT_EQ(bits_of(tile(1, 64, 1), 0, {37}), "101001");
  EXPECT_EQ(bits_of(tile(1, 64, 2), 0, {1, 63}), "01000101111");  // 1 + C(63, 2) = 1954
  EXPECT_EQ(bits_of(tile(2, 64, 4), 0, {0, 1, 2, 64 + 5}),
            "10"
            "101000"
            "000000000000000");
}

TEST(CellCoder, NeedsNoBitsWhereAllIsKept) {
  for (int mode = 0; mode < kPositionModes; ++mode) {
    for (const ChunkPlan& plan : {tile(48, 50, 2400), tile(64, 64, 4096), tile(1, 1, 1)}) {
      Random random(1, "all");
      EXPECT_EQ(cost(plan, mode, draw(plan, false, random)), 0);
    }
  }
}

double log2_binomial(double n, double k) {
  return (std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1)) / std::numbers::ln2;
}

TEST(CellCoder, TakesUniformPositionsWithinOnePercentOfTheirEntropy) {
  const ChunkPlan plan = tile(64, 64, 64);
  for (const int mode : {0, kTransposedMode}) {
    Random random(7, "uniform");
    int64_t bits = 0;
    constexpr int kChunks = 300;
    for (int i = 0; i < kChunks; ++i) bits += cost(plan, mode, draw(plan, false, random));
    const double entropy = kChunks * log2_binomial(4096, 64);
    EXPECT_GT(static_cast<double>(bits), entropy);
    EXPECT_LT(static_cast<double>(bits), 1.01 * entropy);
  }
}

// 64 positions of 8 of 64 rows.
Positions clustered(Random& random) {
  Positions positions = draw(tile(8, 64, 64), false, random);
  for (uint16_t& position : positions) position = static_cast<uint16_t>(position / 64 * 512 + position % 64);
  return positions;
}

TEST(CellCoder, TakesClusteredPositionsInFewerBits) {
  const ChunkPlan plan = tile(64, 64, 64);
  Random random(7, "clustered");
  int64_t uniform_bits = 0;
  std::array<int64_t, kPositionModes> bits{};
  for (int i = 0; i < 20; ++i) {
    uniform_bits += cost(plan, 0, draw(plan, false, random));
    const Positions positions = clustered(random);
    for (int mode = 0; mode < kPositionModes; ++mode)
      bits[static_cast<size_t>(mode)] += cost(plan, mode, positions);
  }
  EXPECT_LT(bits[3], uniform_bits * 3 / 4);
  // The more clustered a class is made for, the better; by columns they look uniform.
  EXPECT_LT(bits[3], bits[2]);
  EXPECT_LT(bits[2], bits[1]);
  EXPECT_LT(bits[1], bits[0]);
  EXPECT_GT(bits[kTransposedMode], uniform_bits * 9 / 10);
}

// log2 of P(count; alpha) = alpha (alpha + 1) ... (alpha + count - 1) / count!
double log2_weight(double count, double alpha) {
  return (std::lgamma(alpha + count) - std::lgamma(alpha) - std::lgamma(count + 1)) / std::numbers::ln2;
}

// The classes' distributions (Dirichlet and multinomial) in one formula, not by halves: P(64; 64 alpha)
// counts in all, each with the product of its cells' weights. Then the cells' subsets.
TEST(CellCoder, CostsNearlyWhatItsClassesDistributionGives) {
  const ChunkPlan plan = tile(64, 64, 64);
  for (const auto& [mode, alpha] : {std::pair{1, 4.0}, std::pair{2, 1.0}, std::pair{3, 0.25}}) {
    Random random(8, "ideal");
    double ideal = 0;
    double bits = 0;
    for (int i = 0; i < 50; ++i) {
      const Positions positions = clustered(random);
      std::array<int, 64> counts{};
      for (const uint16_t position : positions) ++counts[position / 64];
      ideal += log2_weight(64, 64 * alpha);
      for (const int count : counts) ideal += log2_binomial(64, count) - log2_weight(count, alpha);
      bits += static_cast<double>(cost(plan, mode, positions));
    }
    EXPECT_LT(std::abs(bits - ideal), 0.03 * ideal) << "mode " << mode << ": " << bits << ", " << ideal;
  }
}

Bytes number(uint64_t value, int bits) {
  BitWriter writer;
  writer.put(value, bits);
  return writer.take();
}

// C(64, 2) = 2016 pairs in 11 bits.
TEST(CellCoder, RefusesAPairsRankThatNoPairHas) {
  for (const auto& [plan, mode] :
       {std::pair{tile(1, 64, 2), 0}, std::pair{tile(64, 1, 2), kTransposedMode}}) {
    Positions positions;
    ASSERT_TRUE(read(plan, mode, number(2015, 11), positions));
    EXPECT_EQ(positions, (Positions{62, 63}));
    for (const uint64_t rank : {2016u, 2017u, 2047u})
      EXPECT_FALSE(read(plan, mode, number(rank, 11), positions));
  }
}

// Of 100 kept positions 0 .. 100 are in the left half: 101 numbers in seven bits. In the second tile it is 36
// .. 64, as either half takes at most 64: 29 numbers in five bits. In the fourth it is one cell of three: 65
// numbers in seven bits.
TEST(CellCoder, RefusesAWideSplitOutOfItsRange) {
  struct Case {
    ChunkPlan plan;
    uint64_t highest;
    int bits;
  };
  for (const auto& [plan, highest, bits] : {Case{tile(1, 256, 100), 100, 7}, Case{tile(1, 128, 100), 28, 5},
                                            Case{tile(8, 64, 100), 100, 7}, Case{tile(3, 64, 100), 64, 7}}) {
    Positions positions;
    EXPECT_TRUE(read(plan, 0, number(highest, bits), positions))
        << plan.tile_rows << " x " << plan.tile_columns;
    for (uint64_t above = highest + 1; above < uint64_t{1} << bits; ++above)
      EXPECT_FALSE(read(plan, 0, number(above, bits), positions)) << above;
  }
}

// Whatever the bits are: refused, or the one spelling of legal positions.
TEST(CellCoder, TakesAnyBitsForLegalPositionsOrNone) {
  Random random(3, "bits");
  size_t legal = 0;
  for (const ChunkPlan& plan : many_tiles()) {
    for (int mode = 0; mode < kPositionModes; ++mode) {
      Bytes bytes(static_cast<size_t>(plan.kept) * 8 + 4096);
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
      Positions positions;
      if (!read(plan, mode, bytes, positions)) continue;
      ++legal;
      std::ranges::sort(positions);
      ASSERT_EQ(std::ranges::adjacent_find(positions), positions.end());
      ASSERT_LT(positions.back(), plan.chunk_elements());
      const int64_t bits = cost(plan, mode, positions);
      Bytes same(bytes.begin(), bytes.begin() + (bits + 7) / 8);
      if (bits % 8 != 0) same.back() &= static_cast<uint8_t>(low_bits(static_cast<int>(bits % 8)));
      ASSERT_EQ(written(plan, mode, positions), same);
    }
  }
  EXPECT_GT(legal, 60u);
}

TEST(CellCoder, IsMadeOnceForATileAndMode) {
  const auto first = CellCoder::of(tile(64, 64, 64), 3);
  EXPECT_EQ(CellCoder::of(tile(64, 64, 64), 3), first);
  EXPECT_NE(CellCoder::of(tile(64, 64, 64), 2), first);
  EXPECT_NE(CellCoder::of(tile(64, 64, 62), 3), first);
  EXPECT_NE(CellCoder::of(tile(32, 64, 64), 3), first);
}

}  // namespace
}  // namespace templar
