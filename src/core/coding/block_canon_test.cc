#include "core/coding/block_canon.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace templar {
namespace {

using Positions = std::vector<uint16_t>;

TEST(ScaleSteps, AreSmallNumbersForSmallStepsEitherWay) {
  EXPECT_EQ(zigzag(5, 5), 0u);
  EXPECT_EQ(zigzag(5, 4), 1u);
  EXPECT_EQ(zigzag(5, 6), 2u);
  EXPECT_EQ(zigzag(5, 3), 3u);
  EXPECT_EQ(zigzag(kMaxScaleIndex, 0), kMaxScaleStep - 1);
  EXPECT_EQ(zigzag(0, kMaxScaleIndex), kMaxScaleStep);
}

TEST(ScaleSteps, LeadBackToTheirEnd) {
  for (const uint32_t from : {0u, 1u, 77u, 8192u, kMaxScaleIndex})
    for (uint32_t to = 0; to <= kMaxScaleIndex; ++to) ASSERT_EQ(unzigzag(from, zigzag(from, to)), to);
}

TEST(ScaleSteps, ThatLeadOutOfTheRangeAreSeen) {
  EXPECT_GT(unzigzag(0, 1), kMaxScaleIndex);
  EXPECT_GT(unzigzag(100, 203), kMaxScaleIndex);  // 102 down
  EXPECT_GT(unzigzag(kMaxScaleIndex, 2), kMaxScaleIndex);
  EXPECT_GT(unzigzag(kMaxScaleIndex, kMaxScaleStep), kMaxScaleIndex);
}

ScaleStatistics statistics_of(const std::vector<uint32_t>& steps) {
  ScaleStatistics statistics;
  for (const uint32_t step : steps) statistics.add(step);
  return statistics;
}

// A step s costs ⌊s / 2ʳ⌋ + 1 + r bits.
TEST(ScaleStatistics, FindTheCheapestParameterAndOfEqualOnesTheLowest) {
  EXPECT_EQ(statistics_of({}).cheapest_rice(), 0);
  EXPECT_EQ(statistics_of({0, 0, 0}).cheapest_rice(), 0);
  EXPECT_EQ(statistics_of({1}).cheapest_rice(), 0);               // two bits with 0, two with 1
  EXPECT_EQ(statistics_of({7}).cheapest_rice(), 2);               // 8, 5, 4, 4 bits with 0, 1, 2, 3
  EXPECT_EQ(statistics_of({7, 0}).cheapest_rice(), 1);            // 9, 7, 7, 8
  EXPECT_EQ(statistics_of({kMaxScaleStep}).cheapest_rice(), 14);  // 17 bits with 13, 16 with 14
}

TEST(ScaleStatistics, OfPartsAddUp) {
  ScaleStatistics sum = statistics_of({7});
  sum.add(statistics_of({0, 0, 0, 0, 0, 0}));  // 14, 17, ... bits with 0, 1
  EXPECT_EQ(sum.cheapest_rice(), 0);
}

int64_t sampled_of(int64_t chunks) {
  const ChunkPlan plan{.rows = 1, .columns = chunks * 8, .tile_rows = 1, .tile_columns = 8, .kept = 1};
  int64_t sampled = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) sampled += is_sampled(plan, chunk) ? 1 : 0;
  return sampled;
}

TEST(ModeSamples, AreAtMost64Chunks) {
  EXPECT_EQ(sampled_of(1), 1);
  EXPECT_EQ(sampled_of(64), 64);
  EXPECT_EQ(sampled_of(65), 33);  // every second
  EXPECT_EQ(sampled_of(128), 64);
  EXPECT_EQ(sampled_of(129), 43);  // every third
  EXPECT_EQ(sampled_of(1000000), 64);
}

ChunkPlan tile_of(int64_t rows, int64_t columns, int64_t kept) {
  return {.rows = rows, .columns = columns, .tile_rows = rows, .tile_columns = columns, .kept = kept};
}

uint8_t mode_of(const ChunkPlan& plan, const Positions& positions) {
  ModeChooser chooser(plan);
  chooser.add(positions);
  return chooser.cheapest();
}

TEST(ModeChooser, TakesTheLowestOfEqualModes) {
  EXPECT_EQ(ModeChooser(tile_of(64, 64, 64)).cheapest(), 0);  // no chunk, no bits
  Positions all(64);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  EXPECT_EQ(mode_of(tile_of(8, 8, 64), all), 0);
  Positions diagonal;  // one in each row and in each column: nothing is more even
  for (uint16_t i = 0; i < 64; ++i) diagonal.push_back(static_cast<uint16_t>(65 * i));
  EXPECT_EQ(mode_of(tile_of(64, 64, 64), diagonal), 0);
}

// Two full rows or columns of 64 have the counts and places of their own mode for few bits.
TEST(ModeChooser, TakesTheMostUnevenClassForFullRowsOrColumns) {
  Positions rows;
  Positions columns;
  for (uint16_t i = 0; i < 64; ++i) {
    for (const uint16_t line : {3, 40}) {
      rows.push_back(static_cast<uint16_t>(line * 64 + i));
      columns.push_back(static_cast<uint16_t>(i * 64 + line));
    }
  }
  std::ranges::sort(rows);
  EXPECT_EQ(mode_of(tile_of(64, 64, 128), rows), 3);
  EXPECT_EQ(mode_of(tile_of(64, 64, 128), columns), kTransposedMode + 3);
}

// Tiles that are cut in different numbers of cells by rows and by columns share the chooser's memory.
TEST(ModeChooser, TakesWhatCostsLeastOverAllChunks) {
  Random random(1, "modes");
  for (const ChunkPlan& plan :
       {tile_of(130, 67, 66), tile_of(1, 200, 30), tile_of(200, 1, 30), tile_of(16, 256, 100)}) {
    ModeChooser chooser(plan);
    std::array<BitCounter, kPositionModes> costs;
    for (int chunk = 0; chunk < 5; ++chunk) {
      Positions positions;
      while (static_cast<int64_t>(positions.size()) < plan.kept) {
        const auto below = static_cast<double>(plan.chunk_elements()) * random.uniform() * random.uniform();
        const auto position = static_cast<uint16_t>(below);
        if (std::ranges::find(positions, position) == positions.end()) positions.push_back(position);
      }
      std::ranges::sort(positions);
      chooser.add(positions);
      for (int mode = 0; mode < kPositionModes; ++mode) {
        const CellCoder coder(plan, mode);
        CellScratch scratch;
        coder.prepare(scratch);
        coder.fill_cells(positions, scratch);
        coder.count_cells(scratch);
        coder.put_counts(scratch, costs[static_cast<size_t>(mode)]);
        coder.put_places(scratch, costs[static_cast<size_t>(mode)]);
      }
    }
    const auto best = std::ranges::min_element(costs, {}, &BitCounter::total);
    EXPECT_EQ(chooser.cheapest(), best - costs.begin());
  }
}

}  // namespace
}  // namespace templar
