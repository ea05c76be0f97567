#include "core/codec/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace templar {
namespace {

std::vector<uint16_t> top(const std::vector<float>& values, size_t kept) {
  std::vector<uint16_t> positions(kept);
  TopKScratch scratch;
  select_top_k(values, positions, scratch);
  return positions;
}

TEST(TopK, KeepsTheLargestMagnitudesAscending) {
  EXPECT_EQ(top({0.1f, -5.0f, 2.0f, -0.3f, 3.0f}, 3), (std::vector<uint16_t>{1, 2, 4}));
}

TEST(TopK, OfEqualMagnitudesKeepsTheLowestPositions) {
  EXPECT_EQ(top({1.0f, -1.0f, 1.0f, -1.0f}, 2), (std::vector<uint16_t>{0, 1}));
  EXPECT_EQ(top({0.0f, 0.0f, -0.0f, 7.0f}, 3), (std::vector<uint16_t>{0, 1, 3}));
}

TEST(TopK, KeepsAllWhenAskedForAll) {
  EXPECT_EQ(top({3.0f, 1.0f, 2.0f}, 3), (std::vector<uint16_t>{0, 1, 2}));
}

TEST(TopK, TakesWhatIsNotFiniteForTheLargestAndNotANumberForLargerStill) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(top({1.0f, -infinity, 3e38f, -nan}, 2), (std::vector<uint16_t>{1, 3}));
  EXPECT_EQ(top({1.0f, -infinity, 3e38f, -nan}, 1), (std::vector<uint16_t>{3}));
}

TEST(TopK, AgreesWithSortingEverything) {
  Random random(4);
  for (int round = 0; round < 50; ++round) {
    std::vector<float> values(static_cast<size_t>(1 + random.below(500)));
    // Few different magnitudes, so that ties are common.
    for (float& value : values) value = static_cast<float>(static_cast<int>(random.below(21)) - 10) * 0.25f;
    const auto kept = static_cast<size_t>(1 + random.below(values.size()));
    std::vector<uint16_t> order(values.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint16_t>(i);
    std::ranges::sort(order, [&](uint16_t a, uint16_t b) {
      const float size_a = std::fabs(values[a]);
      const float size_b = std::fabs(values[b]);
      return size_a != size_b ? size_a > size_b : a < b;
    });
    order.resize(kept);
    std::ranges::sort(order);
    EXPECT_EQ(top(values, kept), order);
  }
}

}  // namespace
}  // namespace templar
