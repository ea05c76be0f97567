#include "engine/cpu/muon.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "support/json_values.h"
#include "support/reference_model.h"
#include "support/simd_targets.h"
#include "support/vectors.h"

namespace templar {
namespace {

using FloatValues = std::vector<float>;
using testing::largest_deviation;

FloatValues normal_floats(int64_t count, uint64_t seed) {
  Random random(seed);
  FloatValues values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

class MuonVectors : public testing::OnEachSimdTarget {
 protected:
  // Each case's steps; the largest deviation of weights and momentum, relative to their largest value.
  template <typename Scalar>
  void expect_within(double weight_tolerance, double direction_tolerance) {
    const Json file = testing::load_vector_json("muon.json");
    for (const Json& entry : *file.at("cases").list()) {
      const auto shape = testing::as<std::vector<int64_t>>(entry.at("shape"));
      const bool spectral = *entry.at("scale_rule").text() == "spectral";
      MuonSpec spec;
      spec.momentum = testing::as<double>(entry.at("momentum"));
      spec.nesterov = *entry.at("nesterov").flag();
      spec.newton_schulz_steps = testing::as<int64_t>(entry.at("newton_schulz_steps"));
      spec.scale = spectral ? MuonScale::kSpectral : MuonScale::kRms;
      const double rate = testing::as<double>(entry.at("learning_rate"));
      const int64_t count = shape[0] * shape[1];
      Muon<Scalar> muon(spec, count, std::min(shape[0], shape[1]));
      FloatValues weights = testing::as<FloatValues>(entry.at("weights"));
      FloatValues momentum(weights.size());
      for (size_t i = 0; i < entry.at("steps").size(); ++i) {
        const Json& step = entry.at("steps").at(i);
        const FloatValues gradient = testing::as<FloatValues>(step.at("gradient"));
        const FloatValues before = weights;
        muon.update({.rows = shape[0],
                     .columns = shape[1],
                     .parameters = weights.data(),
                     .gradients = gradient.data(),
                     .momentum = momentum.data(),
                     .learning_rate = rate,
                     .weight_decay = testing::as<double>(entry.at("weight_decay"))},
                    team_, products_);
        const std::string what = fmt::format("{} x {}, {}, {}, step {}", shape[0], shape[1],
                                             spectral ? "spectral" : "rms", spec.nesterov, i);
        EXPECT_LT(largest_deviation(momentum, testing::as<FloatValues>(step.at("momentum_buffer"))), 1e-5)
            << what;
        EXPECT_LT(largest_deviation(weights, testing::as<FloatValues>(step.at("weights"))), weight_tolerance)
            << what;
        // The direction of the step, of which the weights show little.
        const double factor = rate * muon_scale(spec.scale, shape[0], shape[1]);
        FloatValues direction(weights.size());
        for (size_t at = 0; at < direction.size(); ++at) {
          const double kept =
              before[at] * (1 - rate * testing::as<double>(entry.at("weight_decay"))) - weights[at];
          direction[at] = static_cast<float>(kept / factor);
        }
        EXPECT_LT(largest_deviation(direction, testing::as<FloatValues>(step.at("orthogonal"))),
                  direction_tolerance)
            << what;
        weights = testing::as<FloatValues>(step.at("weights"));
        momentum = testing::as<FloatValues>(step.at("momentum_buffer"));
      }
    }
  }

  ThreadTeam team_{2};
  MatrixProducts products_{team_, SumOrder::kFastest};
};

TEST_P(MuonVectors, AreMetInF32) {
  expect_within<float>(1e-5, 2e-4);
}

TEST_P(MuonVectors, AreFollowedInBf16ToItsPrecision) {
  if (!MatrixProducts::supports_bf16()) GTEST_SKIP() << "this processor has no bf16 matrix products";
  // Newton-Schulz steps lift a small singular value by up to 3.44 times each, and its rounding with it. How
  // far off an element is depends on how a processor sums its bf16 products: up to 0.13 with AVX512-BF16.
  expect_within<Bf16>(5e-3, 0.2);
}

INSTANTIATE_TEST_SUITE_P(Targets, MuonVectors, testing::simd_targets(), testing::simd_target_name);

class MuonTest : public ::testing::Test {
 protected:
  void update(const MuonUpdate& update, const MuonSpec& spec = {}) {
    Muon<float> muon(spec, update.rows * update.columns, std::min(update.rows, update.columns));
    muon.update(update, team_, products_);
  }

  // A matrix without momentum yet; the parameters are those given, or zeros.
  struct Matrix {
    Matrix(int64_t its_rows, int64_t its_columns, FloatValues its_gradients, FloatValues its_parameters = {})
        : rows(its_rows),
          columns(its_columns),
          gradients(std::move(its_gradients)),
          parameters(std::move(its_parameters)) {
      parameters.resize(gradients.size());
      momentum.resize(gradients.size());
    }
    [[nodiscard]] MuonUpdate update(double learning_rate) {
      return {.rows = rows,
              .columns = columns,
              .parameters = parameters.data(),
              .gradients = gradients.data(),
              .momentum = momentum.data(),
              .learning_rate = learning_rate};
    }
    int64_t rows;
    int64_t columns;
    FloatValues gradients;
    FloatValues parameters;
    FloatValues momentum;
  };

  ThreadTeam team_{2};
  MatrixProducts products_{team_, SumOrder::kFastest};
};

TEST_F(MuonTest, LearnsAllDirectionsAtAboutTheSameSpeed) {
  // Two directions, one a hundred times as strong as the other.
  Matrix matrix(2, 4, {100, 0, 0, 0, 0, 1, 0, 0});
  update(matrix.update(1));
  const double scale = muon_scale(MuonScale::kRms, 2, 4);
  // What five steps of Newton-Schulz make of a singular value: near 1, not 1.
  EXPECT_NEAR(-matrix.parameters[0] / scale, 1, 0.35);
  EXPECT_NEAR(-matrix.parameters[5] / scale, 1, 0.35);
  for (const size_t other : {1, 2, 3, 4, 6, 7}) EXPECT_NEAR(matrix.parameters[other], 0, 1e-6);
}

TEST_F(MuonTest, HasUpdatesOfTheSizeOfAdamwsByRmsScale) {
  Matrix matrix(48, 96, normal_floats(48 * 96, 1));
  update(matrix.update(1));
  double squares = 0;
  for (const float value : matrix.parameters) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(matrix.parameters.size())), 0.2, 0.05);
}

TEST_F(MuonTest, TakesTwoCopiesOfTheLargestMatrixAndTwoSquares) {
  // In f32 the products read the values themselves, in bf16 rounded copies of one each.
  EXPECT_EQ(Muon<float>::memory_bytes(100, 4), 2 * 4 * (100 + 16));
  EXPECT_EQ(Muon<Bf16>::memory_bytes(100, 4), (2 * 4 + 2) * (100 + 16));
}

TEST_F(MuonTest, ScalesByTheMatrixsShape) {
  EXPECT_DOUBLE_EQ(muon_scale(MuonScale::kSpectral, 64, 16), 2);
  EXPECT_DOUBLE_EQ(muon_scale(MuonScale::kSpectral, 16, 64), 1);
  EXPECT_DOUBLE_EQ(muon_scale(MuonScale::kRms, 16, 100), 2);
}

TEST_F(MuonTest, LeavesAMatrixWithoutGradientToItsWeightDecay) {
  Matrix matrix(3, 2, FloatValues(6), {1, 2, 3, 4, 5, 6});
  MuonUpdate decaying = matrix.update(0.5);
  decaying.weight_decay = 0.5;
  update(decaying);
  EXPECT_THAT(matrix.parameters, ::testing::ElementsAre(0.75F, 1.5F, 2.25F, 3, 3.75F, 4.5F));
}

TEST_F(MuonTest, WritesTheRoundedCopyThatProductsRead) {
  Matrix matrix(4, 3, normal_floats(12, 1), normal_floats(12, 2));
  std::vector<Bf16> rounded(12);
  MuonUpdate rounding = matrix.update(0.1);
  rounding.parameters_bf16 = rounded.data();
  update(rounding);
  for (size_t i = 0; i < rounded.size(); ++i)
    EXPECT_EQ(to_float(rounded[i]), to_float(to_bf16(matrix.parameters[i])));
}

TEST_F(MuonTest, ClipsTheGradientThatItIsGiven) {
  Matrix matrix(4, 3, normal_floats(12, 1));
  MuonUpdate clipped = matrix.update(0.1);
  clipped.gradient_scale = 0.25;
  update(clipped);
  for (size_t i = 0; i < matrix.momentum.size(); ++i)
    EXPECT_NEAR(matrix.momentum[i], 0.05 * 0.25 * matrix.gradients[i], 1e-6);
}

}  // namespace
}  // namespace templar
