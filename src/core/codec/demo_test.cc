#include "core/codec/demo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "core/codec/compressor.h"
#include "core/codec/dct.h"
#include "support/exact_values.h"
#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/vectors.h"

namespace templar {
namespace {

using testing::fails;
using Values = std::vector<float>;

void expect_close(std::span<const float> values, const Values& reference, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(values.size(), reference.size());
  float largest = 0;
  for (const float value : reference) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < reference.size(); ++i)
    EXPECT_NEAR(values[i], reference[i], tolerance * largest) << what << " " << i;
}

// What encoded would be if it carried the values of dense at its positions without loss, as the seed system
// does.
EncodedParameter with_exact_values(EncodedParameter encoded, std::span<const float> dense,
                                   const CodecSpec& codec) {
  const ChunkPlan& plan = encoded.plan;
  const TileTransform transform(plan, codec);
  Values tile(plan.chunk_elements());
  Values scratch(plan.chunk_elements());
  Values kept;
  for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
    for_each_tile_row(plan, chunk, [&](size_t first, size_t place) {
      std::ranges::copy(dense.subspan(first, plan.tile_columns), tile.begin() + place);
    });
    transform.forward(tile, scratch);
    for (int64_t i = 0; i < plan.kept; ++i) kept.push_back(tile[encoded.positions[chunk * plan.kept + i]]);
  }
  QuantisedValues exact = testing::exact_values(kept);
  encoded.codebook = std::move(exact.codebook);
  encoded.codes = std::move(exact.codes);
  return encoded;
}

void add_decoded(std::span<float> values, const EncodedParameter& encoded, const CodecSpec& codec,
                 float factor, ThreadTeam& team) {
  Values decoded(values.size());
  decompress(encoded, codec, decoded, team);
  for (size_t i = 0; i < values.size(); ++i) values[i] += factor * decoded[i];
}

// The seed system sends exact values, which no run of ours does. So each iteration starts from the
// reference's momentum, and what a quantiser would have changed is put right by hand.
TEST(DemoVectors, PreparationAgreesWithTheReference) {
  ThreadTeam team(2);
  const Json cases = testing::load_vector_json("demo_momentum.json");
  for (const Json& entry : *cases.list()) {
    ASSERT_EQ(testing::as<int64_t>(entry.at("early_iterations_without_subtraction")),
              kDemoIterationsWithoutSubtraction);
    const ParameterLayout layout{{"parameter", testing::as<std::vector<int64_t>>(entry.at("shape"))}};
    const CodecSpec codec{.chunk = testing::as<int64_t>(entry.at("target_chunk")),
                          .topk = testing::as<int64_t>(entry.at("topk")),
                          .use_dct = true,
                          .quantiser_bins = 256,
                          .quantiser_range_sigmas = 6,
                          .error_feedback_decay = testing::as<double>(entry.at("momentum_decay"))};
    ParameterBuffers parameters(layout);
    ParameterBuffers momentum(layout);
    std::ranges::copy(testing::as<Values>(entry.at("param_before")), parameters.spans()[0].begin());
    for (size_t iteration = 0; iteration < entry.at("steps").size(); ++iteration) {
      const auto& step = entry.at("steps").at(iteration);
      Values gradient = testing::as<Values>(step.at("grad"));
      const std::span<float> gradients[] = {gradient};
      const auto encoded =
          prepare_demo({static_cast<int64_t>(iteration), testing::as<double>(entry.at("learning_rate")),
                        testing::as<double>(entry.at("weight_decay"))},
                       parameters.spans(), momentum.spans(), gradients, layout, codec, team);
      ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
      const std::string what = "iteration " + std::to_string(iteration);
      const bool subtracted = iteration >= kDemoIterationsWithoutSubtraction;
      Values whole(momentum.spans()[0].begin(), momentum.spans()[0].end());  // before anything left it
      if (subtracted) add_decoded(whole, (*encoded)[0], codec, 1.0f, team);
      const EncodedParameter exact = with_exact_values((*encoded)[0], whole, codec);
      Values sent(gradient.size());
      decompress(exact, codec, sent, team);
      expect_close(sent, testing::as<Values>(step.at("sent")), 1e-5, what + " sent");
      if (subtracted) add_decoded(whole, exact, codec, -1.0f, team);
      expect_close(whole, testing::as<Values>(step.at("momentum_after")), 1e-5, what + " momentum");
      expect_close(parameters.spans()[0], testing::as<Values>(step.at("param_after")), 1e-6,
                   what + " parameter");
      std::ranges::copy(testing::as<Values>(step.at("momentum_after")), momentum.spans()[0].begin());
    }
  }
}

// Two parameters, one step away from the start.
class DemoTest : public ::testing::Test {
 protected:
  DemoTest() {
    for (size_t p = 0; p < layout_.size(); ++p) {
      std::ranges::fill(parameters_.spans()[p], 2.0f);
      std::ranges::fill(momentum_.spans()[p], 0.5f);
      std::ranges::fill(gradients_.spans()[p], 1.0f);
      gradients_.spans()[p][1] = -3.0f;
    }
  }

  Result<std::vector<EncodedParameter>> prepare(ParameterSpans gradients, int64_t iteration) {
    return prepare_demo({iteration, 0.1, 0.25}, parameters_.spans(), momentum_.spans(), gradients, layout_,
                        codec_, team_);
  }
  Result<std::vector<EncodedParameter>> prepare(int64_t iteration) {
    return prepare(gradients_.spans(), iteration);
  }
  void expect_untouched() {
    for (size_t p = 0; p < layout_.size(); ++p) {
      for (const float value : parameters_.spans()[p]) EXPECT_EQ(value, 2.0f);
      for (const float value : momentum_.spans()[p]) EXPECT_EQ(value, 0.5f);
    }
  }

  const ParameterLayout layout_{{"matrix", {8, 8}}, {"norm", {8}}};
  const CodecSpec codec_{.chunk = 8,
                         .topk = 4,
                         .use_dct = true,
                         .quantiser_bins = 4,
                         .quantiser_range_sigmas = 6,
                         .error_feedback_decay = 0.5};
  ParameterBuffers parameters_{layout_};
  ParameterBuffers momentum_{layout_};
  ParameterBuffers gradients_{layout_};
  ThreadTeam team_{2};
};

TEST_F(DemoTest, StartsTheMomentumAnewInTheFirstIteration) {
  ASSERT_TRUE(prepare(0).has_value());
  EXPECT_FLOAT_EQ(momentum_.spans()[0][0], 0.1f);
  EXPECT_FLOAT_EQ(momentum_.spans()[1][1], -0.3f);
}

TEST_F(DemoTest, DecaysAndAccumulatesTheMomentum) {
  ASSERT_TRUE(prepare(1).has_value());
  EXPECT_FLOAT_EQ(momentum_.spans()[0][0], 0.5f * 0.5f + 0.1f);
  EXPECT_FLOAT_EQ(momentum_.spans()[1][1], 0.5f * 0.5f - 0.3f);
}

TEST_F(DemoTest, ShrinksTheWeightsOfEveryParameter) {
  ASSERT_TRUE(prepare(3).has_value());
  for (size_t p = 0; p < layout_.size(); ++p) {
    for (const float value : parameters_.spans()[p]) EXPECT_FLOAT_EQ(value, 2.0f * (1 - 0.1f * 0.25f));
  }
}

TEST_F(DemoTest, GivesWhatIsSentOfEachParameterInTheLayoutsOrder) {
  const auto encoded = prepare(1);
  ASSERT_TRUE(encoded.has_value());
  ASSERT_EQ(encoded->size(), 2u);
  // Either is one chunk, of which four values are sent by two bits each.
  const ChunkPlan matrix{.rows = 8, .columns = 8, .tile_rows = 8, .tile_columns = 8, .kept = 4};
  const ChunkPlan norm{.rows = 1, .columns = 8, .tile_rows = 1, .tile_columns = 8, .kept = 4};
  EXPECT_EQ((*encoded)[0].plan, matrix);
  EXPECT_EQ((*encoded)[1].plan, norm);
  for (const EncodedParameter& parameter : *encoded) {
    ASSERT_EQ(parameter.positions.size(), 4u);
    EXPECT_TRUE(std::ranges::is_sorted(parameter.positions, std::less_equal<>())) << "strictly ascending";
    EXPECT_LT(parameter.positions.back(), parameter.plan.chunk_elements());
    EXPECT_EQ(parameter.codebook.size(), 4u);
    ASSERT_EQ(parameter.codes.size(), 4u);
    for (const uint8_t code : parameter.codes) EXPECT_LT(code, 4);
    EXPECT_TRUE(parameter.scales.empty()) << "mean4 has none";
  }
}

TEST_F(DemoTest, KeepsWhatWasSentInTheMomentumInTheEarlyIterations) {
  ASSERT_TRUE(prepare(kDemoIterationsWithoutSubtraction - 1).has_value());
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_FLOAT_EQ(momentum_.spans()[0][i], 0.25f + (i == 1 ? -0.3f : 0.1f)) << i;
  }
}

TEST_F(DemoTest, TakesWhatWasSentOutOfTheMomentumAfterTheEarlyIterations) {
  const auto encoded = prepare(kDemoIterationsWithoutSubtraction);
  ASSERT_TRUE(encoded.has_value());
  Values sent(64);
  decompress((*encoded)[0], codec_, sent, team_);
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_FLOAT_EQ(momentum_.spans()[0][i], 0.25f + (i == 1 ? -0.3f : 0.1f) - sent[i]);
  }
}

TEST_F(DemoTest, RefusesAMissingGradientWithNothingHalfDone) {
  const std::span<float> gradients[] = {gradients_.spans()[0], {}};
  EXPECT_TRUE(fails(prepare(gradients, 2), ErrorKind::kSkip, "gradient of norm: missing"));
  expect_untouched();
}

TEST_F(DemoTest, RefusesAGradientThatIsNotFinite) {
  gradients_.spans()[1][7] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(fails(prepare(2), ErrorKind::kSkip, "compress norm: element 7 is inf"));
  expect_untouched();
}

// A constant chunk has one coefficient: the constant times the root of the number of elements.
TEST(Demo, TransformsTheNewMomentumChunkByChunk) {
  const ParameterLayout layout{{"matrix", {8, 16}}, {"norm", {16}}};
  const CodecSpec codec{.chunk = 8,
                        .topk = 2,
                        .use_dct = true,
                        .quantiser_bins = 256,
                        .quantiser_range_sigmas = 6,
                        .error_feedback_decay = 0.5};
  ParameterBuffers parameters(layout);
  ParameterBuffers momentum(layout);
  ParameterBuffers gradients(layout);
  for (size_t p = 0; p < layout.size(); ++p) {
    for (size_t i = 0; i < momentum.spans()[p].size(); ++i) {
      const bool left = i % 16 < 8;
      momentum.spans()[p][i] = left ? 1 : 2;
      gradients.spans()[p][i] = left ? 4 : -24;
    }
  }
  ThreadTeam team(2);
  const auto encoded = prepare_demo({1, 0.125, 0}, parameters.spans(), momentum.spans(), gradients.spans(),
                                    layout, codec, team);
  ASSERT_TRUE(encoded.has_value());
  // decay * m + lr * g: 1/2 * 1 + 1/8 * 4 = 1 on the left, 1/2 * 2 - 1/8 * 24 = -2 on the right.
  const double root_of_tile = 8;
  const double root_of_row = 2 * std::numbers::sqrt2;
  const std::vector<double> largest[] = {{root_of_tile, -2 * root_of_tile}, {root_of_row, -2 * root_of_row}};
  for (size_t p = 0; p < layout.size(); ++p) {
    const EncodedParameter& sent = (*encoded)[p];
    ASSERT_EQ(sent.codes.size(), 4u) << "two chunks, two values of each";
    for (size_t chunk = 0; chunk < 2; ++chunk) {
      EXPECT_EQ(sent.positions[2 * chunk], 0);
      EXPECT_NEAR(sent.codebook[sent.codes[2 * chunk]], largest[p][chunk], 1e-5);
      EXPECT_NEAR(sent.codebook[sent.codes[2 * chunk + 1]], 0, 1e-5);
    }
  }
}

struct DemoCodec {
  const char* name;
  bool use_dct;
  Quantiser quantiser;
};

// Every parameter has a momentum and a gradient of its own; the last one can be spoilt. All numbers are exact
// in f32.
class DemoWith : public ::testing::TestWithParam<DemoCodec> {
 protected:
  DemoWith() {
    for (size_t p = 0; p < layout_.size(); ++p) {
      for (size_t i = 0; i < momentum_.spans()[p].size(); ++i) {
        parameters_.spans()[p][i] = static_cast<float>(i + p);
        momentum_.spans()[p][i] = static_cast<float>(static_cast<int>(i * 7 % 11) - 5);
        gradients_.spans()[p][i] = static_cast<float>(static_cast<int>((i + p) * 5 % 13) - 6);
      }
    }
    before_parameters_.copy_from(std::as_const(parameters_).spans());
    before_momentum_.copy_from(std::as_const(momentum_).spans());
  }

  Result<std::vector<EncodedParameter>> prepare(int64_t iteration, double learning_rate = 0.125) {
    return prepare_demo({iteration, learning_rate, 0.25}, parameters_.spans(), momentum_.spans(),
                        gradients_.spans(), layout_, codec_, team_);
  }
  void fill_last_gradient(float value) { std::ranges::fill(gradients_.spans().back(), value); }
  void expect_untouched() {
    for (size_t p = 0; p < layout_.size(); ++p) {
      EXPECT_TRUE(std::ranges::equal(parameters_.spans()[p], before_parameters_.spans()[p])) << p;
      EXPECT_TRUE(std::ranges::equal(momentum_.spans()[p], before_momentum_.spans()[p])) << p;
    }
  }
  void expect_new_momentum_compressed(int64_t iteration, float decay) {
    ParameterBuffers expected(layout_);
    for (size_t p = 0; p < layout_.size(); ++p) {
      for (size_t i = 0; i < expected.spans()[p].size(); ++i)
        expected.spans()[p][i] = decay * momentum_.spans()[p][i] + 0.125f * gradients_.spans()[p][i];
    }
    const auto encoded = prepare(iteration);
    ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
    ASSERT_EQ(encoded->size(), layout_.size());
    for (size_t p = 0; p < layout_.size(); ++p) {
      EXPECT_EQ((*encoded)[p], *compress(expected.spans()[p], layout_[p], codec_, team_)) << p;
      EXPECT_TRUE(std::ranges::equal(momentum_.spans()[p], expected.spans()[p])) << p;
    }
  }

  const ParameterLayout layout_{{"norm", {8}}, {"first", {8, 8}}, {"last", {16, 8}}};
  const CodecSpec codec_{.chunk = 8,
                         .topk = 4,
                         .use_dct = GetParam().use_dct,
                         .quantiser = GetParam().quantiser,
                         .quantiser_bins = 4,
                         .quantiser_range_sigmas = 6,
                         .error_feedback_decay = 0.5};
  ParameterBuffers parameters_{layout_};
  ParameterBuffers momentum_{layout_};
  ParameterBuffers gradients_{layout_};
  ParameterBuffers before_parameters_{layout_};
  ParameterBuffers before_momentum_{layout_};
  ThreadTeam team_{2};
};
INSTANTIATE_TEST_SUITE_P(Codecs, DemoWith,
                         ::testing::Values(DemoCodec{"DctMean4", true, Quantiser::kMean4},
                                           DemoCodec{"DctBlockLog", true, Quantiser::kBlockLog},
                                           DemoCodec{"Mean4", false, Quantiser::kMean4},
                                           DemoCodec{"BlockLog", false, Quantiser::kBlockLog},
                                           DemoCodec{"DctNone", true, Quantiser::kNone},
                                           DemoCodec{"None", false, Quantiser::kNone},
                                           DemoCodec{"Bf16", false, Quantiser::kNoneBf16}),
                         [](const auto& info) { return info.param.name; });

TEST_P(DemoWith, CompressesTheScaledGradientsInTheFirstIteration) {
  expect_new_momentum_compressed(0, 0.0f);
}

TEST_P(DemoWith, CompressesTheNewMomentumOfEachParameter) {
  expect_new_momentum_compressed(1, 0.5f);
}

TEST_P(DemoWith, RefusesAMomentumThatNoContributionCanCarryWithNothingHalfDone) {
  fill_last_gradient(3e7f);
  EXPECT_TRUE(fails(prepare(2), ErrorKind::kSkip, "compress last: a value of"));
  expect_untouched();
}

TEST_P(DemoWith, RefusesAFiniteMomentumWhoseTransformOverflowsWithNothingHalfDone) {
  fill_last_gradient(3e38f);
  EXPECT_TRUE(fails(prepare(7, 1.0), ErrorKind::kSkip,
                    GetParam().use_dct ? "compress last: a value of inf" : "compress last: a value of 3"));
  expect_untouched();
}

TEST_P(DemoWith, RefusesAMomentumThatOverflowsItselfWithNothingHalfDone) {
  gradients_.spans().back()[9] = 3e38f;
  EXPECT_TRUE(fails(prepare(2, 10.0), ErrorKind::kSkip, "compress last: element 9 is inf"));
  expect_untouched();
}

}  // namespace
}  // namespace templar
