#include "core/codec/compressor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/vectors.h"

namespace templar {
namespace {

using testing::fails;
using Values = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

double optional_number(const Json& entry, std::string_view name, double otherwise) {
  return entry.contains(name) ? testing::as<double>(entry.at(name)) : otherwise;
}

CodecSpec codec_of(const Json& entry) {
  return {.chunk = testing::as<int64_t>(entry.at("target_chunk")),
          .topk = testing::as<int64_t>(entry.at("topk")),
          .use_dct = testing::as<bool>(entry.at("use_dct")),
          .quantiser_bins = testing::as<int64_t>(entry.at("bins")),
          .quantiser_range_sigmas = optional_number(entry, "range_sigmas", 6.0),
          .error_feedback_decay = optional_number(entry, "decay", 0.0)};
}

CodecSpec small_codec(bool use_dct) {
  return {.chunk = 16,
          .topk = 12,
          .use_dct = use_dct,
          .quantiser_bins = 4,
          .quantiser_range_sigmas = 6,
          .error_feedback_decay = 0.95};
}

Values random_values(size_t count, uint64_t seed) {
  Random random(seed);
  Values values(count);
  for (float& value : values) value = static_cast<float>(random.normal() * 0.01);
  return values;
}

// 1e-5 relative, of the value or, where it is small, of the largest one.
void expect_close(std::span<const float> values, const Values& reference, const std::string& what) {
  ASSERT_EQ(values.size(), reference.size());
  float largest = 0;
  for (const float value : reference) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < reference.size(); ++i) {
    EXPECT_NEAR(values[i], reference[i], 1e-5 * std::fabs(reference[i]) + 1e-6 * largest)
        << what << ", element " << i;
  }
}

// One step for a layout of one parameter; what is left becomes the feedback.
Result<std::vector<EncodedParameter>> add_feedback_and_compress(const Values& gradient,
                                                                ParameterBuffers& feedback,
                                                                const ParameterLayout& layout,
                                                                const CodecSpec& codec, ThreadTeam& team) {
  ParameterBuffers next(layout);
  std::ranges::copy(gradient, next.spans()[0].begin());
  auto encoded =
      compress_with_error_feedback(std::as_const(feedback).spans(), next.spans(), layout, codec, team);
  std::swap(feedback, next);
  return encoded;
}

TEST(CompressorVectors, AgreesWithTheReference) {
  ThreadTeam team(2);
  const auto cases = testing::load_vector_json("compress.json");
  ASSERT_GT(cases.size(), 0U);
  for (size_t number = 0; number < cases.size(); ++number) {
    const auto& entry = cases.at(number);
    const std::string what = "case " + std::to_string(number);
    const ParameterInfo parameter{"parameter", testing::as<std::vector<int64_t>>(entry.at("shape"))};
    const CodecSpec codec = codec_of(entry);
    const auto encoded = compress(testing::as<Values>(entry.at("input")), parameter, codec, team);
    ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
    EXPECT_EQ(encoded->positions, testing::as<std::vector<uint16_t>>(entry.at("indices_sorted"))) << what;
    EXPECT_EQ(encoded->codes, testing::as<std::vector<uint8_t>>(entry.at("codes_sorted"))) << what;
    EXPECT_EQ(encoded->plan.chunk_elements(), testing::as<int64_t>(entry.at("totalk"))) << what;

    // The reference keeps the centred means and adds the shift on decoding; an empty bin is 0 there as here.
    Values codebook = testing::as<Values>(entry.at("lookup"));
    for (float& value : codebook)
      value = value == 0.0f ? 0.0f : value + testing::as<float>(entry.at("shift"));
    expect_close(encoded->codebook, codebook, what + " codebook");
    Values decoded(static_cast<size_t>(parameter.count()));
    decompress(*encoded, codec, decoded, team);
    expect_close(decoded, testing::as<Values>(entry.at("reconstructed")), what + " reconstructed");
  }
}

TEST(CompressorVectors, ErrorFeedbackAgreesWithTheReference) {
  ThreadTeam team(1);
  const Json cases = testing::load_vector_json("error_feedback.json");
  for (const Json& entry : *cases.list()) {
    const ParameterLayout layout{{"parameter", testing::as<std::vector<int64_t>>(entry.at("shape"))}};
    const CodecSpec codec = codec_of(entry);
    ParameterBuffers feedback(layout);
    for (const Json& step : *entry.at("steps").list()) {
      const Values gradient = testing::as<Values>(step.at("pseudo_gradient"));
      const auto encoded = add_feedback_and_compress(gradient, feedback, layout, codec, team);
      ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
      Values sent(gradient.size());
      decompress((*encoded)[0], codec, sent, team);
      expect_close(sent, testing::as<Values>(step.at("sent")), "sent");
      expect_close(feedback.spans()[0], testing::as<Values>(step.at("error_feedback")), "error feedback");
    }
  }
}

class CompressorTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Transforms, CompressorTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "WithDct" : "WithoutDct"; });

TEST_P(CompressorTest, GivesTheSameForEveryNumberOfThreads) {
  const ParameterInfo parameter{"parameter", {96, 80}};
  const Values values = random_values(96 * 80, 3);
  ThreadTeam one(1);
  const auto reference = compress(values, parameter, small_codec(GetParam()), one);
  ASSERT_TRUE(reference.has_value());
  for (int threads = 2; threads <= 8; ++threads) {
    ThreadTeam team(threads);
    EXPECT_EQ(*compress(values, parameter, small_codec(GetParam()), team), *reference);
  }
}

TEST_P(CompressorTest, WhatIsNotSentStaysInTheErrorFeedback) {
  const ParameterLayout layout{{"matrix", {32, 48}}, {"norm", {48}}};
  const CodecSpec codec = small_codec(GetParam());
  ThreadTeam team(2);
  ParameterBuffers feedback(layout);
  ParameterBuffers gradient(layout);
  for (size_t p = 0; p < layout.size(); ++p) {
    std::ranges::copy(random_values(gradient.spans()[p].size(), p), gradient.spans()[p].begin());
  }
  ParameterBuffers next(layout);
  next.copy_from(std::as_const(gradient).spans());
  const auto encoded =
      compress_with_error_feedback(std::as_const(feedback).spans(), next.spans(), layout, codec, team);
  ASSERT_TRUE(encoded.has_value());
  for (size_t p = 0; p < layout.size(); ++p) {
    Values sent(gradient.spans()[p].size());
    decompress((*encoded)[p], codec, sent, team);
    for (size_t i = 0; i < sent.size(); ++i) {
      EXPECT_EQ(next.spans()[p][i], gradient.spans()[p][i] - sent[i]);  // to the last bit
    }
  }
}

TEST_P(CompressorTest, SendsWhatPersistsSoonerOrLater) {
  // One small constant gradient beside large noise: error feedback must bring it through.
  const ParameterLayout layout{{"matrix", {16, 16}}};
  CodecSpec codec = small_codec(GetParam());
  codec.error_feedback_decay = 1.0;
  ThreadTeam team(1);
  ParameterBuffers feedback(layout);
  const Values constant = random_values(256, 9);
  std::vector<double> total(256, 0);
  for (int step = 0; step < 300; ++step) {
    const auto encoded = add_feedback_and_compress(constant, feedback, layout, codec, team);
    ASSERT_TRUE(encoded.has_value());
    Values sent(256);
    decompress((*encoded)[0], codec, sent, team);
    for (size_t i = 0; i < 256; ++i) total[i] += sent[i];
  }
  for (size_t i = 0; i < 256; ++i) EXPECT_NEAR(total[i] / 300, constant[i], 0.004) << i;
}

TEST(Compressor, RefusesWhatIsNotFiniteAndNamesIt) {
  ThreadTeam team(2);
  const ParameterInfo parameter{"model.norm.weight", {32, 48}};
  for (const float bad : {kNan, std::numeric_limits<float>::infinity()}) {
    Values values = random_values(32 * 48, 1);
    values[700] = bad;
    values[900] = bad;
    EXPECT_TRUE(fails(compress(values, parameter, small_codec(false), team), ErrorKind::kSkip,
                      "compress model.norm.weight: element 700 is"));
    EXPECT_TRUE(fails(compress(values, parameter, small_codec(true), team), ErrorKind::kSkip, "element 700"));
  }
}

TEST(Compressor, RefusesValuesThatNoContributionCanCarry) {
  ThreadTeam team(1);
  Values values = random_values(32 * 48, 1);
  values[3] = 3e7f;
  EXPECT_TRUE(fails(compress(values, {"w", {32, 48}}, small_codec(false), team), ErrorKind::kSkip,
                    "compress w: a value of 3"));
}

TEST(Compressor, LeavesTheErrorFeedbackAloneWhenItFails) {
  const ParameterLayout layout{{"first", {16, 16}}, {"second", {16}}};
  ThreadTeam team(2);
  ParameterBuffers feedback(layout);
  std::ranges::copy(random_values(256, 5), feedback.spans()[0].begin());
  const Values before(feedback.spans()[0].begin(), feedback.spans()[0].end());
  Values good = random_values(256, 6);
  Values bad = random_values(16, 7);
  bad[15] = kNan;
  const std::span<float> gradients[] = {good, bad};
  EXPECT_TRUE(fails(compress_with_error_feedback(std::as_const(feedback).spans(), gradients, layout,
                                                 small_codec(false), team),
                    ErrorKind::kSkip, "compress second: element 15"));
  EXPECT_TRUE(std::ranges::equal(feedback.spans()[0], before));
}

// The last parameter's values are too large: to be sent, or, though finite, for the transform's sums.
TEST_P(CompressorTest, RefusesFiniteValuesOfAnySizeAndLeavesTheErrorFeedbackAlone) {
  const ParameterLayout layout{{"first", {16, 16}}, {"last", {16, 32}}};
  ThreadTeam team(2);
  for (const Quantiser quantiser :
       {Quantiser::kMean4, Quantiser::kBlockLog, Quantiser::kNone, Quantiser::kNoneBf16}) {
    CodecSpec codec = small_codec(GetParam());
    codec.quantiser = quantiser;
    for (const float size : {3e7f, 3e38f}) {
      ParameterBuffers feedback(layout);
      std::ranges::copy(random_values(256, 5), feedback.spans()[0].begin());
      ParameterBuffers before(layout);
      before.copy_from(std::as_const(feedback).spans());
      ParameterBuffers gradient(layout);
      std::ranges::copy(random_values(256, 6), gradient.spans()[0].begin());
      std::ranges::fill(gradient.spans()[1], size);
      const std::string reason =
          GetParam() && size > 1e38f ? "compress last: a value of inf" : "compress last: a value of ";
      EXPECT_TRUE(fails(compress(gradient.spans()[1], layout[1], codec, team), ErrorKind::kSkip, reason));
      EXPECT_TRUE(fails(compress_with_error_feedback(std::as_const(feedback).spans(), gradient.spans(),
                                                     layout, codec, team),
                        ErrorKind::kSkip, reason));
      for (size_t p = 0; p < layout.size(); ++p)
        EXPECT_TRUE(std::ranges::equal(feedback.spans()[p], before.spans()[p])) << p;
    }
  }
}

TEST(Compressor, TakesAllZeros) {
  ThreadTeam team(1);
  const ParameterInfo parameter{"w", {16, 16}};
  const auto encoded = compress(Values(256, 0.0f), parameter, small_codec(true), team);
  ASSERT_TRUE(encoded.has_value());
  Values decoded(256, 1.0f);
  decompress(*encoded, small_codec(true), decoded, team);
  EXPECT_EQ(decoded, Values(256, 0.0f));
}

}  // namespace
}  // namespace templar
