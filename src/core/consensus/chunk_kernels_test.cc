#include "core/consensus/chunk_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "support/simd_targets.h"

namespace templar {
namespace {

using Values = std::vector<float>;
using Senders = std::vector<uint16_t>;

class ChunkKernels : public testing::OnEachSimdTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, ChunkKernels, testing::simd_targets(), testing::simd_target_name);

// Numbers of all signs and sizes, with zeros of both signs and subnormal ones among them.
Values draw_values(size_t count, Random& random) {
  constexpr float kSpecial[] = {0.0f, -0.0f, 1e-40f, -1e-40f, std::numeric_limits<float>::denorm_min()};
  Values values;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t kind = random.below(12);
    values.push_back(kind < 5 ? kSpecial[kind] : static_cast<float>(random.normal() * random.uniform()));
  }
  return values;
}

Senders draw_senders(size_t count, size_t peers, Random& random) {
  Senders senders;
  for (size_t i = 0; i < count; ++i) senders.push_back(static_cast<uint16_t>(random.below(peers + 1)));
  return senders;
}

// A factor for each number of senders, none like another.
Values draw_factors(size_t peers, Random& random) {
  Values factors;
  for (size_t i = 0; i <= peers; ++i) factors.push_back(static_cast<float>(0.1 + random.uniform()));
  return factors;
}

void expect_same_bits(const Values& found, const Values& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(found[i]), std::bit_cast<uint32_t>(wanted[i]))
        << "element " << i << ": " << found[i] << " instead of " << wanted[i];
  }
}

void expect_zeros(const Values& sums, const Senders& senders) {
  expect_same_bits(sums, Values(sums.size(), 0.0f));
  EXPECT_EQ(senders, Senders(senders.size(), 0));
}

Values plain_means(const Values& sums, const Senders& senders, const Values& factors) {
  Values means;
  for (size_t i = 0; i < sums.size(); ++i) means.push_back(sums[i] * factors[senders[i]]);
  return means;
}

// A tile of rows x columns inside a parameter whose rows are longer.
struct Tile {
  size_t rows, columns;
  [[nodiscard]] size_t stride() const { return columns + 3; }
  [[nodiscard]] size_t size() const { return rows * columns; }
  [[nodiscard]] TileOfTheta in(Values& theta) const { return {theta.data(), stride(), rows, columns}; }
};
constexpr Tile kTiles[] = {{1, 1}, {3, 5}, {7, 8}, {4, 16}, {2, 33}, {5, 64}, {1, 67}};

Values plain_descent(Values theta, const Tile& tile, const Values& delta, const Descent& descent) {
  for (size_t row = 0; row < tile.rows; ++row) {
    for (size_t column = 0; column < tile.columns; ++column) {
      float direction = delta[row * tile.columns + column];
      if (descent.algorithm == Algorithm::kDemo)
        direction = direction > 0 ? 1.0f : direction < 0 ? -1.0f : 0.0f;
      float& value = theta[row * tile.stride() + column];
      const float kept = descent.shrink * value;
      const float step = descent.learning_rate * direction;
      value = kept - step;
    }
  }
  return theta;
}

constexpr Descent kDescents[] = {{Algorithm::kSparseLoco, 0.7f, 1.0f},
                                 {Algorithm::kSparseLoco, 0.3f, 0.99f},
                                 {Algorithm::kDemo, 0.01f, 1.0f},
                                 {Algorithm::kDemo, 0.3f, 0.9993f}};

// 1 .. 40: around the numbers of factors that two registers of any target hold; 1000: far beyond.
TEST_P(ChunkKernels, MultiplyEachSumByTheFactorOfItsSenders) {
  Random random(1, "means");
  std::vector<size_t> peer_numbers{300, 1000, 65534};
  for (size_t peers = 1; peers <= 40; ++peers) peer_numbers.push_back(peers);
  for (const size_t peers : peer_numbers) {
    const Values factors = draw_factors(peers, random);
    for (const size_t size : {1, 7, 16, 33, 100, 640}) {
      Values sums = draw_values(size, random);
      Senders senders = draw_senders(size, peers, random);
      const Values wanted = plain_means(sums, senders, factors);
      Values means(size, -7.0f);
      take_means({sums.data(), senders.data(), factors}, means);
      expect_same_bits(means, wanted);
      expect_zeros(sums, senders);
    }
  }
}

// One coefficient of a vector with more senders than the registers hold, and the last number that they hold.
TEST_P(ChunkKernels, LookUpFewAndManySendersSideBySide) {
  Random random(2, "mixed");
  const Values factors = draw_factors(300, random);
  for (size_t many = 0; many < 64; ++many) {
    Values sums(64, 1.0f);
    Senders senders = draw_senders(64, 31, random);
    senders[many] = 300;
    const Values wanted = plain_means(sums, senders, factors);
    Values means(64);
    take_means({sums.data(), senders.data(), factors}, means);
    expect_same_bits(means, wanted);
  }
}

TEST_P(ChunkKernels, LeaveWhatLiesBesideAlone) {
  Values sums(40, 2.0f);
  Senders senders(40, 1);
  Values means(40, -7.0f);
  take_means({sums.data(), senders.data(), Values{1.0f, 0.5f}}, std::span(means).first(21));
  for (size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(means[i], i < 21 ? 1.0f : -7.0f);
    EXPECT_EQ(sums[i], i < 21 ? 0.0f : 2.0f);
    EXPECT_EQ(senders[i], i < 21 ? 0 : 1);
  }
}

TEST_P(ChunkKernels, DescendAsPlainLoopsDo) {
  Random random(3, "descend");
  for (const Tile& tile : kTiles) {
    for (const Descent& descent : kDescents) {
      Values theta = draw_values(tile.rows * tile.stride(), random);
      const Values delta = draw_values(tile.size(), random);
      const Values wanted = plain_descent(theta, tile, delta, descent);
      descend(tile.in(theta), delta.data(), descent);
      expect_same_bits(theta, wanted);
    }
  }
}

TEST_P(ChunkKernels, DescendAlongTheMeansAsInTwoSteps) {
  Random random(4, "both");
  for (const size_t peers : {1, 5, 31, 32, 300}) {
    const Values factors = draw_factors(peers, random);
    for (const Tile& tile : kTiles) {
      for (const Descent& descent : kDescents) {
        Values theta = draw_values(tile.rows * tile.stride(), random);
        Values sums = draw_values(tile.size(), random);
        Senders senders = draw_senders(tile.size(), peers, random);
        const Values wanted = plain_descent(theta, tile, plain_means(sums, senders, factors), descent);
        descend_means(tile.in(theta), {sums.data(), senders.data(), factors}, descent);
        expect_same_bits(theta, wanted);
        expect_zeros(sums, senders);
      }
    }
  }
}

// Each of 17 values: in vectors and behind them.
TEST_P(ChunkKernels, StepByTheSignInDemo) {
  const Tile tile{1, 17};
  const Descent descent{Algorithm::kDemo, 0.25f, 0.5f};
  for (const auto& [delta, wanted] :
       {std::pair{1e-40f, 3.75f}, std::pair{1e30f, 3.75f}, std::pair{-1e-40f, 4.25f}, std::pair{-3.0f, 4.25f},
        std::pair{0.0f, 4.0f}, std::pair{-0.0f, 4.0f}}) {
    Values theta(tile.stride(), 8.0f);
    descend(tile.in(theta), Values(17, delta).data(), descent);
    for (size_t i = 0; i < 17; ++i) EXPECT_EQ(theta[i], wanted) << delta;
    EXPECT_EQ(theta[17], 8.0f);
  }
}

}  // namespace
}  // namespace templar
