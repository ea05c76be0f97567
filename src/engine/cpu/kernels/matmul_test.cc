#include "engine/cpu/kernels/matmul.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/time.h>
#include <csignal>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "support/child_process.h"

namespace templar {
namespace {

struct Case {
  ProductKind kind;
  ProductSize size;
};

// Sizes that divide by nothing, a single row, and one that every member gets a part of.
const std::vector<Case> kCases = {
    {ProductKind::kABt, {33, 47, 29}}, {ProductKind::kAB, {33, 47, 29}}, {ProductKind::kAtB, {33, 47, 29}},
    {ProductKind::kABt, {1, 200, 64}}, {ProductKind::kAB, {96, 64, 32}}, {ProductKind::kAtB, {80, 32, 64}},
};

std::vector<float> random_values(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

double element(const Case& c, const std::vector<float>& a, const std::vector<float>& b, int64_t row,
               int64_t column) {
  const auto [m, n, k] = c.size;
  double sum = 0;
  for (int64_t i = 0; i < k; ++i) {
    const int64_t a_at = c.kind == ProductKind::kAtB ? i * m + row : row * k + i;
    const int64_t b_at = c.kind == ProductKind::kABt ? column * k + i : i * n + column;
    sum += static_cast<double>(a[static_cast<size_t>(a_at)]) * b[static_cast<size_t>(b_at)];
  }
  return sum;
}

TEST(MatrixProducts, EqualTheDefinitionInF32) {
  for (const int threads : {1, 2, 3}) {
    ThreadTeam team(threads);
    MatrixProducts products(team, SumOrder::kFastest);
    for (const Case& c : kCases) {
      const auto [m, n, k] = c.size;
      const std::vector<float> a = random_values(m * k, 1);
      const std::vector<float> b = random_values(k * n, 2);
      std::vector<float> product(static_cast<size_t>(m * n), 100.0F);
      products.multiply(c.kind, c.size, a.data(), b.data(), product.data());
      std::vector<float> added = product;
      products.multiply(c.kind, c.size, a.data(), b.data(), added.data(), true);
      for (int64_t row = 0; row < m; ++row) {
        for (int64_t column = 0; column < n; ++column) {
          const double want = element(c, a, b, row, column);
          ASSERT_NEAR(product[static_cast<size_t>(row * n + column)], want, 1e-4) << row << ", " << column;
          ASSERT_NEAR(added[static_cast<size_t>(row * n + column)], 2 * want, 1e-4) << row << ", " << column;
        }
      }
    }
  }
}

TEST(MatrixProducts, EqualTheDefinitionInBf16) {
  if (!MatrixProducts::supports_bf16()) GTEST_SKIP() << "no bf16 products on this processor";
  ThreadTeam team(2);
  MatrixProducts products(team, SumOrder::kFastest);
  for (const Case& c : kCases) {
    const auto [m, n, k] = c.size;
    std::vector<float> a = random_values(m * k, 1);
    std::vector<float> b = random_values(k * n, 2);
    std::vector<Bf16> a_rounded;
    std::vector<Bf16> b_rounded;
    for (float& value : a) value = to_float(a_rounded.emplace_back(to_bf16(value)));
    for (float& value : b) value = to_float(b_rounded.emplace_back(to_bf16(value)));
    std::vector<float> wide(static_cast<size_t>(m * n));
    std::vector<Bf16> narrow(wide.size());
    products.multiply(c.kind, c.size, a_rounded.data(), b_rounded.data(), wide.data());
    products.multiply(c.kind, c.size, a_rounded.data(), b_rounded.data(), narrow.data());
    for (int64_t row = 0; row < m; ++row) {
      for (int64_t column = 0; column < n; ++column) {
        const double want = element(c, a, b, row, column);
        const auto at = static_cast<size_t>(row * n + column);
        ASSERT_NEAR(wide[at], want, 1e-4);
        ASSERT_NEAR(to_float(narrow[at]), want, 1e-3 + std::abs(want) / 256);
      }
    }
  }
}

// Kernels of oneDNN for AVX and AVX2 move the stack pointer into memory that they have allocated. A handler's
// frame there would destroy the heap, which the C library finds when memory is given back: it ends the child.
TEST(MatrixProducts, LeaveTheHeapAloneWhenSignalsArrive) {
  const auto many_products_among_signals = [] {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_ONSTACK;
    ::sigaction(SIGALRM, &action, nullptr);
    constexpr timeval kOften{.tv_sec = 0, .tv_usec = 50};
    const itimerval timer{.it_interval = kOften, .it_value = kOften};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
    ThreadTeam team(1);
    MatrixProducts products(team, SumOrder::kFastest);
    const Case head{ProductKind::kAB, {64, 32, 1024}};
    const std::vector<float> a = random_values(head.size.m * head.size.k, 1);
    const std::vector<float> b = random_values(head.size.k * head.size.n, 2);
    std::vector<float> c(static_cast<size_t>(head.size.m * head.size.n));
    for (size_t i = 0; i < 5'000; ++i) {
      // The heap changes all the time, so that each part of it is given back and checked.
      const std::vector<char> small(16 * (i % 4096));
      products.multiply(head.kind, head.size, a.data(), b.data(), c.data());
      const std::vector<char> large(size_t{64} << (i % 12));
    }
    return 0;
  };
  EXPECT_EQ(testing::run_in_child(many_products_among_signals), 0);
}

TEST(Bf16, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(to_bf16(1.0F).bits, 0x3f80);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808000U)).bits, 0x3f80);  // a tie: down to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f818000U)).bits, 0x3f82);  // a tie: up to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808001U)).bits, 0x3f81);
  EXPECT_EQ(to_float(to_bf16(-INFINITY)), -INFINITY);
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7fffffffU)))));
}

}  // namespace
}  // namespace templar
