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

TEST(BlockLog, TakesNoScaleThatIsNegativeTooFineTooLargeOrSubnormal) {
  EXPECT_TRUE(is_block_scale(0.0f, 16));
  EXPECT_TRUE(is_block_scale(std::numeric_limits<float>::min(), 16));
  EXPECT_TRUE(is_block_scale(largest_block_scale(16), 16));
  EXPECT_LE(largest_block_scale(16) * block_log_codebook(16)[7], kMaxCodebookMagnitude);
  EXPECT_FALSE(is_block_scale(2 * largest_block_scale(16), 16));
  EXPECT_FALSE(is_block_scale(-1.0f, 16));
  EXPECT_FALSE(is_block_scale(-0.0f, 16));
  EXPECT_FALSE(is_block_scale(1.0f + 1.0f / 64, 16));
  EXPECT_FALSE(is_block_scale(5.877472e-39f, 16));
  EXPECT_FALSE(is_block_scale(std::numeric_limits<float>::quiet_NaN(), 16));
  EXPECT_FALSE(is_block_scale(std::numeric_limits<float>::infinity(), 16));
}

}  // namespace
}  // namespace templar
