#include "core/codec/quantiser.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "support/expect_failure.h"

namespace templar {
namespace {

CodecSpec codec_with(int64_t bins) {
  return {.quantiser_bins = bins, .quantiser_range_sigmas = 6};
}

TEST(Quantiser, SpellsOutAsTheFormulaSays) {
  // Mean 0.5; centred -3.5, -0.5, 0.5, 3.5; s = sqrt(25/3) = 2.887; scale = 6 s / 4 = 4.330.
  const std::vector<float> values{-3.0f, 0.0f, 1.0f, 4.0f};
  const QuantisedValues quantised = *quantise_mean4(values, codec_with(4));
  EXPECT_FLOAT_EQ(quantised.shift, 0.5f);
  EXPECT_NEAR(quantised.scale, 6 * std::sqrt(25.0 / 3) / 4, 1e-6);
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>{1, 2, 2, 3}));
  EXPECT_FLOAT_EQ(quantised.codebook[0], 0.0f);
  EXPECT_FLOAT_EQ(quantised.codebook[1], -3.0f);
  EXPECT_FLOAT_EQ(quantised.codebook[2], 0.5f);
  EXPECT_FLOAT_EQ(quantised.codebook[3], 4.0f);
}

TEST(Quantiser, TakesOneValueWithAScaleOfOne) {
  const std::vector<float> one{0.75f};
  const QuantisedValues quantised = *quantise_mean4(one, codec_with(4));
  EXPECT_EQ(quantised.scale, 1.0f);
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>{2}));
  EXPECT_EQ(quantised.codebook[2], 0.75f);
}

TEST(Quantiser, RoundsHalfToEven) {
  // Mean 0, s = 2, range 8 of 4 bins: scale 4, so that 2 and -2 fall halfway between two codes.
  const std::vector<float> values{2.0f, -2.0f, 2.0f, -2.0f, 0.0f};
  CodecSpec codec = codec_with(4);
  codec.quantiser_range_sigmas = 8;
  const QuantisedValues quantised = *quantise_mean4(values, codec);
  ASSERT_EQ(quantised.scale, 4.0f);
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>{2, 2, 2, 2, 2}));  // 2.5 and 1.5 both go to 2
}

TEST(Quantiser, TakesEqualValuesWithAScaleOfOne) {
  const std::vector<float> values(8, -0.25f);
  const QuantisedValues quantised = *quantise_mean4(values, codec_with(4));
  EXPECT_EQ(quantised.scale, 1.0f);
  EXPECT_EQ(quantised.codebook[2], -0.25f);
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>(8, 2)));
}

TEST(Quantiser, SpellsZeroInOneWay) {
  const std::vector<float> values{-0.0f, -0.0f, 0.0f};
  const QuantisedValues quantised = *quantise_mean4(values, codec_with(4));
  for (const float entry : quantised.codebook) EXPECT_EQ(std::bit_cast<uint32_t>(entry), 0u);
}

TEST(Quantiser, ClampsOutliersToTheLastBins) {
  std::vector<float> values(1000, 0.0f);
  values[0] = 100.0f;
  values[1] = -100.0f;
  const QuantisedValues quantised = *quantise_mean4(values, codec_with(4));
  EXPECT_EQ(quantised.codes[0], 3);
  EXPECT_EQ(quantised.codes[1], 0);
  EXPECT_NEAR(quantised.codebook[3], 100.0f, 1e-5);
}

TEST(Quantiser, ExactLosesNothingOrFails) {
  const std::vector<float> values{0.5f, -2.0f, 0.5f, -0.0f, 3.0f};
  const auto quantised = quantise_exactly(values, codec_with(4));
  ASSERT_TRUE(quantised.has_value());
  EXPECT_EQ(quantised->codebook, (std::vector<float>{-2.0f, 0.0f, 0.5f, 3.0f}));
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(quantised->codebook[quantised->codes[i]], values[i]);
  std::vector<float> many(257);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i);
  EXPECT_TRUE(
      testing::fails(quantise_exactly(many, codec_with(4)), ErrorKind::kSkip, "257 different values"));
}

}  // namespace
}  // namespace templar
