#include "core/codec/dct.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "support/json_values.h"
#include "support/vectors.h"

namespace templar {
namespace {

const CodecSpec kDct{.use_dct = true};

TEST(DctVectors, BasisIsTheReferences) {
  const auto sizes = testing::load_vector_json("dct_basis.json");
  ASSERT_GT(sizes.size(), 0U);
  for (const auto& [size, matrices] : *sizes.object()) {
    const int64_t n = std::stoll(size);
    const std::vector<float> basis = dct_basis(n);
    const auto forward = testing::as<std::vector<float>>(matrices.at("forward"));
    const auto inverse = testing::as<std::vector<float>>(matrices.at("inverse"));
    ASSERT_EQ(basis.size(), forward.size());
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t k = 0; k < n; ++k) {
        EXPECT_NEAR(basis[i * n + k], forward[i * n + k], 1e-6) << n << ": " << i << ", " << k;
        EXPECT_NEAR(basis[i * n + k], inverse[k * n + i], 1e-6) << n << ": " << i << ", " << k;
      }
    }
  }
}

TEST(Dct, BasisIsCorrectlyRounded) {
  // Against the library's long double cosine: at most the last bit of f32 apart.
  for (const int64_t n : {1, 2, 3, 7, 29, 64, 100, 256}) {
    const std::vector<float> basis = dct_basis(n);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t k = 0; k < n; ++k) {
        const long double angle =
            acosl(-1.0L) * static_cast<long double>(k * (2 * i + 1)) / static_cast<long double>(2 * n);
        const long double exact = sqrtl((k == 0 ? 1.0L : 2.0L) / static_cast<long double>(n)) * cosl(angle);
        EXPECT_NEAR(basis[i * n + k], static_cast<float>(exact),
                    6e-8 * std::fabs(static_cast<float>(exact)) + 1e-16);
      }
    }
  }
}

TEST(Dct, InverseUndoesForward) {
  Random random(1);
  for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{64, 64}, {6, 5}, {1, 8}, {1, 1}}) {
    const ChunkPlan plan{rows, columns, rows, columns, 1};
    std::vector<float> tile(static_cast<size_t>(rows * columns));
    for (float& value : tile) value = static_cast<float>(random.normal());
    const std::vector<float> before = tile;
    std::vector<float> scratch(tile.size());
    const TileTransform transform(plan, kDct);
    transform.forward(tile, scratch);
    double energy_before = 0;
    double energy_after = 0;
    for (size_t i = 0; i < tile.size(); ++i) {
      energy_before += before[i] * before[i];
      energy_after += tile[i] * tile[i];
    }
    EXPECT_NEAR(energy_after, energy_before, 1e-5 * energy_before);
    transform.inverse(tile, scratch);
    for (size_t i = 0; i < tile.size(); ++i) EXPECT_NEAR(tile[i], before[i], 3e-6);
  }
}

TEST(Dct, OfAConstantTileIsOneCoefficient) {
  std::vector<float> tile(48, 2.0f);
  std::vector<float> scratch(48);
  TileTransform({6, 8, 6, 8, 1}, kDct).forward(tile, scratch);
  EXPECT_NEAR(tile[0], 2.0 * std::sqrt(48.0), 1e-5);
  for (size_t i = 1; i < tile.size(); ++i) EXPECT_NEAR(tile[i], 0, 2e-6);
}

TEST(Dct, IsLeftOutWhereTheSpecDoesNotAskForIt) {
  std::vector<float> tile{1, 2, 3, 4};
  std::vector<float> scratch(4);
  TileTransform({2, 2, 2, 2, 1}, CodecSpec{}).forward(tile, scratch);
  EXPECT_EQ(tile, (std::vector<float>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace templar
