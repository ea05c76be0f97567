#include "core/codec/mean4_quantiser.h"

#include <gtest/gtest.h>

#include <bit>

namespace templar {
namespace {

CodecSpec codec_with(int64_t bins) {
  return {.quantiser_bins = bins, .quantiser_range_sigmas = 6};
}

TEST(Mean4Quantiser, SpellsOutAsTheFormulaSays) {
  // Mean 0.5; centred -3.5, -0.5, 0.5, 3.5; s = sqrt(25/3) = 2.887; scale = 6 s / 4 = 4.330.
  const std::vector<float> values{-3.0f, 0.0f, 1.0f, 4.0f};
  const QuantisedValues quantised = quantise_mean4(values, codec_with(4));
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>{1, 2, 2, 3}));
  EXPECT_FLOAT_EQ(quantised.codebook[0], 0.0f);
  EXPECT_FLOAT_EQ(quantised.codebook[1], -3.0f);
  EXPECT_FLOAT_EQ(quantised.codebook[2], 0.5f);
  EXPECT_FLOAT_EQ(quantised.codebook[3], 4.0f);
}

TEST(Mean4Quantiser, TakesOneValueWithAScaleOfOne) {
  const std::vector<float> one{0.75f};
  const QuantisedValues quantised = quantise_mean4(one, codec_with(4));
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>{2}));
  EXPECT_EQ(quantised.codebook[2], 0.75f);
}

TEST(Mean4Quantiser, RoundsHalfToEven) {
  // Mean 0, s = 2, range 8 of 4 bins: scale 4, so that 2 and -2 fall halfway between two codes.
  const std::vector<float> values{2.0f, -2.0f, 2.0f, -2.0f, 0.0f};
  CodecSpec codec = codec_with(4);
  codec.quantiser_range_sigmas = 8;
  const QuantisedValues quantised = quantise_mean4(values, codec);
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>{2, 2, 2, 2, 2}));  // 2.5 and 1.5 both go to 2
}

TEST(Mean4Quantiser, TakesEqualValuesWithAScaleOfOne) {
  const std::vector<float> values(8, -0.25f);
  const QuantisedValues quantised = quantise_mean4(values, codec_with(4));
  EXPECT_EQ(quantised.codebook[2], -0.25f);
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>(8, 2)));
}

TEST(Mean4Quantiser, SpellsZeroInOneWay) {
  const std::vector<float> values{-0.0f, -0.0f, 0.0f};
  const QuantisedValues quantised = quantise_mean4(values, codec_with(4));
  for (const float entry : quantised.codebook) EXPECT_EQ(std::bit_cast<uint32_t>(entry), 0u);
}

TEST(Mean4Quantiser, ClampsOutliersToTheLastBins) {
  std::vector<float> values(1000, 0.0f);
  values[0] = 100.0f;
  values[1] = -100.0f;
  const QuantisedValues quantised = quantise_mean4(values, codec_with(4));
  EXPECT_EQ(quantised.codes[0], 3);
  EXPECT_EQ(quantised.codes[1], 0);
  EXPECT_NEAR(quantised.codebook[3], 100.0f, 1e-5);
}

}  // namespace
}  // namespace templar
