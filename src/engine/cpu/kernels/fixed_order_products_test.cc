// Every element equals the sum as it is defined, to the last bit: on every processor target that this machine
// can run, in every kind, with any number of threads.
#include "engine/cpu/kernels/fixed_order_products.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "support/simd_targets.h"

namespace templar {
namespace {

class FixedOrder : public testing::OnEachSimdTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, FixedOrder, testing::simd_targets(), testing::simd_target_name);

constexpr float kUntouched = -77;

struct Matrix {
  int64_t row_length = 0;
  std::vector<float> values;

  Matrix(int64_t rows, int64_t columns, int64_t pad, uint64_t seed) : row_length(columns + pad) {
    Random random(seed);
    values.resize(rows * row_length, kUntouched);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < columns; ++column) {
        values[row * row_length + column] = static_cast<float>(random.normal());
      }
    }
  }
  [[nodiscard]] float at(int64_t row, int64_t column) const { return values[row * row_length + column]; }
};

// The operands of a product, their rows some values apart.
struct Operands {
  Operands(ProductKind its_kind, ProductSize its_size, int64_t pad)
      : kind(its_kind),
        size(its_size),
        a(kind == ProductKind::kAtB ? size.k : size.m, kind == ProductKind::kAtB ? size.m : size.k, pad, 1),
        b(kind == ProductKind::kABt ? size.n : size.k, kind == ProductKind::kABt ? size.k : size.n, pad, 2),
        before(size.m, size.n, pad, 3) {}

  ProductKind kind;
  ProductSize size;
  Matrix a;
  Matrix b;
  Matrix before;

  [[nodiscard]] std::vector<float> defined(bool accumulate) const {
    Matrix c = before;
    for (int64_t row = 0; row < size.m; ++row) {
      for (int64_t column = 0; column < size.n; ++column) {
        float sum = accumulate ? c.at(row, column) : 0;
        for (int64_t k = 0; k < size.k; ++k) {
          sum = std::fma(kind == ProductKind::kAtB ? a.at(k, row) : a.at(row, k),
                         kind == ProductKind::kABt ? b.at(column, k) : b.at(k, column), sum);
        }
        c.values[row * c.row_length + column] = sum;
      }
    }
    return c.values;
  }

  [[nodiscard]] std::vector<float> computed(bool accumulate, int threads) const {
    ThreadTeam team(threads);
    FixedOrderProducts products(team);
    Matrix c = before;
    products.multiply({.kind = kind,
                       .size = size,
                       .a = a.values.data(),
                       .b = b.values.data(),
                       .c = c.values.data(),
                       .accumulate = accumulate,
                       .rows = {a.row_length, b.row_length, c.row_length}});
    return c.values;
  }
};

TEST_P(FixedOrder, EqualsItsDefinitionToTheLastBit) {
  if (!FixedOrderProducts::supported()) GTEST_SKIP() << "no fused multiply-adds";
  // Single elements, a row and a column, sizes that divide by nothing, and such as are cut into several
  // blocks each way.
  const std::vector<ProductSize> sizes = {
      {1, 1, 1},   {1, 67, 29},   {67, 1, 29},    {5, 33, 17},    {12, 32, 4},
      {13, 47, 3}, {97, 131, 53}, {1600, 35, 12}, {19, 1100, 14}, {37, 45, 1111},
  };
  for (const ProductKind kind : {ProductKind::kABt, ProductKind::kAB, ProductKind::kAtB}) {
    for (const ProductSize& size : sizes) {
      for (const bool accumulate : {false, true}) {
        const Operands operands(kind, size, size.m % 2 == 0 ? 0 : 3);
        const std::vector<float> want = operands.defined(accumulate);
        for (const int threads : {1, 2, 3, 4, 6}) {
          ASSERT_EQ(operands.computed(accumulate, threads), want)
              << size.m << " x " << size.n << " x " << size.k << " of kind " << std::to_underlying(kind)
              << ", " << threads << " threads, accumulate " << accumulate;
        }
      }
    }
  }
}

TEST_P(FixedOrder, KeepsWhatIsNotANumber) {
  if (!FixedOrderProducts::supported()) GTEST_SKIP() << "no fused multiply-adds";
  Operands operands(ProductKind::kABt, {7, 19, 5}, 0);
  operands.a.values[3] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> product = operands.computed(false, 2);
  for (int64_t row = 0; row < 7; ++row) {
    for (int64_t column = 0; column < 19; ++column) {
      EXPECT_EQ(std::isnan(product[row * 19 + column]), row == 0) << row << ", " << column;
    }
  }
}

}  // namespace
}  // namespace templar
