#include "core/scoring/evidence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace templar {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(LossChange, IsRelativeToTheLossBefore) {
  EXPECT_DOUBLE_EQ(LossChange({4.0, 3.0}).relative_improvement().value(), 0.25);
  EXPECT_DOUBLE_EQ(LossChange({4.0, 5.0}).relative_improvement().value(), -0.25);
}

TEST(LossChange, OfAModelBlownUpIsMinusInfinity) {
  EXPECT_EQ(LossChange({4.0, kInfinity}).relative_improvement(), -kInfinity);
  EXPECT_EQ(LossChange({4.0, std::nan("")}).relative_improvement(), -kInfinity);
}

TEST(LossChange, IsNothingWhereTheLossBeforeIsNoMeasure) {
  EXPECT_FALSE(LossChange({0.0, 1.0}).relative_improvement());
  EXPECT_FALSE(LossChange({-1.0, 1.0}).relative_improvement());
  EXPECT_FALSE(LossChange({kInfinity, 1.0}).relative_improvement());
  EXPECT_FALSE(LossChange({std::nan(""), 1.0}).relative_improvement());
}

}  // namespace
}  // namespace templar
