#include "base/large_pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace templar {
namespace {

TEST(LargePages, HoldSmallAndLargeArraysAligned) {
  for (const size_t count : {size_t{1}, size_t{1000}, size_t{3} << 20}) {
    std::vector<float, LargePageAllocator<float>> values(count, 1.0f);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(values.data()) % 64, 0u);
    values.resize(2 * count, 2.0f);
    EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0.0), 3.0 * static_cast<double>(count));
  }
}

}  // namespace
}  // namespace templar
