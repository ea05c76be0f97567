#include "core/coding/block_log.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/coding/coded_block.h"

namespace templar {
namespace {

TEST(BlockLog, MagnitudesGrowByAQuarterAndHaveBothSigns) {
  EXPECT_EQ(block_log_codebook(6), (std::vector<float>{1, 1.25f, 1.5625f, -1, -1.25f, -1.5625f}));
}

TEST(BlockLog, RoundsScalesToFiveMantissaBits) {
  EXPECT_EQ(round_block_scale(1.0f), 1.0f);
  EXPECT_EQ(round_block_scale(1.0f + 1.0f / 64), 1.0f + 1.0f / 32);  // half up
  EXPECT_EQ(round_block_scale(std::nextafter(1.0f + 1.0f / 64, 0.0f)), 1.0f);
  EXPECT_EQ(round_block_scale(0.0f), 0.0f);
  EXPECT_EQ(round_block_scale(1e-40f), 0.0f);
}

TEST(BlockLog, HasALargestScaleThatIsRoundedAndLegal) {
  const float largest = largest_block_scale(16);
  EXPECT_EQ(round_block_scale(largest), largest);
  EXPECT_LE(largest * block_log_codebook(16)[7], kMaxCodebookMagnitude);
  EXPECT_GT(2 * largest * block_log_codebook(16)[7], kMaxCodebookMagnitude);
}

}  // namespace
}  // namespace templar
