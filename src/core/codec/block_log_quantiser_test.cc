#include "core/codec/block_log_quantiser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "core/codec/mean4_quantiser.h"
#include "core/coding/block_log.h"
#include "core/coding/coded_block.h"

namespace templar {
namespace {

using Values = std::vector<float>;

CodecSpec codec() {
  return {.quantiser = Quantiser::kBlockLog, .quantiser_bins = 16, .quantiser_range_sigmas = 6};
}

struct QuantisedChunks {
  Values codebook;
  Values scales;               // one a chunk
  std::vector<uint8_t> codes;  // one a value
};

// values: those of whole chunks, kept of them each.
QuantisedChunks quantise(const Values& values, int64_t kept) {
  QuantisedChunks result{.codebook = block_log_codebook(codec().quantiser_bins), .scales = {}, .codes = {}};
  result.codes.resize(values.size());
  for (int64_t first = 0; first < std::ssize(values); first += kept) {
    result.scales.push_back(quantise_chunk(std::span(values).subspan(first, kept), result.codebook,
                                           std::span(result.codes).subspan(first, kept)));
  }
  return result;
}

Values decoded(const QuantisedChunks& quantised, size_t kept) {
  Values values;
  for (size_t i = 0; i < quantised.codes.size(); ++i)
    values.push_back(quantised.scales[i / kept] * quantised.codebook[quantised.codes[i]]);
  return values;
}

double relative_error(const Values& values, const Values& approximations) {
  double error = 0;
  double squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference = static_cast<double>(values[i]) - approximations[i];
    error += difference * difference;
    squares += static_cast<double>(values[i]) * values[i];
  }
  return std::sqrt(error / squares);
}

// The largest of each 4096 normal values, chunks of another size each.
Values top_of_normal(int chunks) {
  Random random(5);
  Values kept;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    Values values(4096);
    for (float& value : values) value = static_cast<float>(random.normal() * (1 + 0.3 * (chunk % 5)));
    std::ranges::sort(values, [](float a, float b) { return std::fabs(a) > std::fabs(b); });
    kept.insert(kept.end(), values.begin(), values.begin() + 64);
  }
  return kept;
}

TEST(BlockLogQuantiser, SendsValuesOfOneMagnitudeExactly) {
  const QuantisedChunks quantised = quantise(Values{0.5f, -0.5f, 0.5f, 0.5f}, 4);
  EXPECT_EQ(quantised.scales, (Values{0.5f}));
  EXPECT_EQ(quantised.codes, (std::vector<uint8_t>{0, 8, 0, 0}));
}

TEST(BlockLogQuantiser, GivesEveryChunkItsOwnScale) {
  const Values values{1, -1, 1024, 1024, 0, 0};
  const QuantisedChunks quantised = quantise(values, 2);
  EXPECT_EQ(quantised.scales, (Values{1, 1024, 0}));
  EXPECT_EQ(decoded(quantised, 2), values);
}

TEST(BlockLogQuantiser, RaisesLargeValuesByQuarters) {
  Values values(62, 1.0f);
  values.push_back(-1.25f);
  values.push_back(1.953125f);
  const QuantisedChunks quantised = quantise(values, 64);
  EXPECT_EQ(quantised.codes[0], 0);
  EXPECT_EQ(quantised.codes[62], 9);
  EXPECT_EQ(quantised.codes[63], 3);
  EXPECT_LT(relative_error(values, decoded(quantised, 64)), 0.02);
}

TEST(BlockLogQuantiser, IsCloserThanMean4WithTheSameSizeOfValues) {
  const Values values = top_of_normal(40);
  const QuantisedChunks fine = quantise(values, 64);
  const QuantisedValues coarse = quantise_mean4(values, {.quantiser_bins = 4, .quantiser_range_sigmas = 6});
  Values reference;
  for (const uint8_t code : coarse.codes) reference.push_back(coarse.codebook[code]);
  EXPECT_LT(relative_error(values, decoded(fine, 64)), 0.8 * relative_error(values, reference));
}

TEST(BlockLogQuantiser, StaysLegalAtTheEdgesOfTheRange) {
  for (const float size : {kMaxCodebookMagnitude, 1e-38f, 1e-44f}) {
    const Values values{size, -size, size, 0};
    const QuantisedChunks quantised = quantise(values, 4);
    EXPECT_EQ(round_block_scale(quantised.scales[0]), quantised.scales[0]) << size;
    EXPECT_LE(quantised.scales[0], largest_block_scale(16)) << size;
    for (const float value : decoded(quantised, 4)) EXPECT_LE(std::fabs(value), kMaxCodebookMagnitude);
    if (quantised.scales[0] == 0) {
      EXPECT_EQ(quantised.codes, (std::vector<uint8_t>(4, 0)));
    }
  }
}

TEST(BlockLogQuantiser, FollowsAChunkThatIsKeptWhole) {
  Random random(9);
  Values values(64 * 50);
  for (float& value : values) value = static_cast<float>(random.normal());
  const QuantisedChunks quantised = quantise(values, 64);
  EXPECT_LT(relative_error(values, decoded(quantised, 64)), 0.2);
}

}  // namespace
}  // namespace templar
