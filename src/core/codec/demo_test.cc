#include "core/codec/demo.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/codec/compressor.h"
#include "support/expect_failure.h"
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

TEST(DemoVectors, PreparationAgreesWithTheReference) {
  ThreadTeam team(2);
  for (const auto& entry : testing::load_vector_json("demo_momentum.json")) {
    ASSERT_EQ(entry["early_iterations_without_subtraction"].get<int64_t>(),
              kDemoIterationsWithoutSubtraction);
    const ParameterLayout layout{{"parameter", entry["shape"]}};
    // The seed system sends exact values.
    const CodecSpec codec{.chunk = entry["target_chunk"],
                          .topk = entry["topk"],
                          .use_dct = true,
                          .quantiser_bins = 256,
                          .quantiser_range_sigmas = 6,
                          .error_feedback_decay = entry["momentum_decay"]};
    ParameterBuffers parameters(layout);
    ParameterBuffers momentum(layout);
    std::ranges::copy(entry["param_before"].get<Values>(), parameters.spans()[0].begin());
    for (size_t iteration = 0; iteration < entry["steps"].size(); ++iteration) {
      const auto& step = entry["steps"][iteration];
      Values gradient = step["grad"];
      const std::span<float> gradients[] = {gradient};
      const auto encoded = prepare_demo(
          {static_cast<int64_t>(iteration), entry["learning_rate"], entry["weight_decay"]},
          parameters.spans(), momentum.spans(), gradients, layout, codec, team, quantise_exactly);
      ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
      Values sent(gradient.size());
      decompress((*encoded)[0], codec, sent, team);
      const std::string what = "iteration " + std::to_string(iteration);
      expect_close(sent, step["sent"], 1e-5, what + " sent");
      expect_close(momentum.spans()[0], step["momentum_after"], 1e-5, what + " momentum");
      expect_close(parameters.spans()[0], step["param_after"], 1e-6, what + " parameter");
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

  Result<std::vector<EncodedParameter>> prepare(ParameterSpans gradients, int64_t iteration,
                                                QuantiseFunction* quantise = nullptr) {
    return prepare_demo({iteration, 0.1, 0.25}, parameters_.spans(), momentum_.spans(), gradients, layout_,
                        codec_, team_, quantise);
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

TEST_F(DemoTest, ShrinksTheWeights) {
  ASSERT_TRUE(prepare(3).has_value());
  for (const float value : parameters_.spans()[1]) EXPECT_FLOAT_EQ(value, 2.0f * (1 - 0.1f * 0.25f));
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

TEST_F(DemoTest, HandsOnTheQuantisersErrorWithNothingHalfDone) {
  const auto failing = [](std::span<const float>, const CodecSpec&, int64_t) -> Result<QuantisedValues> {
    return skip_error("no codes left");
  };
  EXPECT_TRUE(
      fails(prepare(gradients_.spans(), 2, failing), ErrorKind::kSkip, "compress matrix: no codes left"));
  expect_untouched();
}

}  // namespace
}  // namespace templar
