#include "core/run/exact_cosine.h"

#include <gtest/gtest.h>

#include <cmath>

namespace templar {
namespace {

TEST(ExactCosine, AgreesWithTheLibrarysLongDouble) {
  const long double pi = acosl(-1.0L);
  for (const int64_t n : {1, 2, 3, 7, 64, 1000, 2350}) {
    for (int64_t m = 0; m <= 2 * n; ++m) {
      const long double exact = cosl(pi * static_cast<long double>(m) / static_cast<long double>(2 * n));
      EXPECT_NEAR(exact_cosine(m, n), static_cast<double>(exact), 3e-16) << m << " of " << n;
    }
  }
}

TEST(ExactCosine, IsExactAtTheCorners) {
  EXPECT_EQ(exact_cosine(0, 5), 1.0);
  EXPECT_EQ(exact_cosine(5, 5), 0.0);
  EXPECT_EQ(exact_cosine(10, 5), -1.0);
}

// Frozen: a change of one bit would be a change of the consensus.
TEST(ExactCosine, HasFrozenBits) {
  EXPECT_EQ(exact_cosine(1, 64), 0x1.ffd886084cd0dp-1);
}

}  // namespace
}  // namespace templar
