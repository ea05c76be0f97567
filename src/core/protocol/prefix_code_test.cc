#include "core/protocol/prefix_code.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace templar {
namespace {

using Lengths = std::vector<uint32_t>;

TEST(PrefixCode, GivesLikelySymbolsShortCodes) {
  EXPECT_EQ(prefix_code_lengths({1, 1}), (Lengths{1, 1}));
  EXPECT_EQ(prefix_code_lengths({8, 4, 2, 2}), (Lengths{1, 2, 3, 3}));
  EXPECT_EQ(prefix_code_lengths({1, 1, 1, 1}), (Lengths{2, 2, 2, 2}));
}

TEST(PrefixCode, TakesTheLowerOfEqualSymbolsFirst) {
  EXPECT_EQ(prefix_code_lengths({1, 1, 1}), (Lengths{2, 2, 1}));
}

TEST(PrefixCode, StaysShortWhateverTheWeights) {
  std::vector<double> weights{1};
  for (int i = 1; i < 65; ++i) weights.push_back(weights.back() * 1e-3);
  const Lengths lengths = prefix_code_lengths(weights);
  EXPECT_LE(*std::ranges::max_element(lengths), 18u);
  double sum = 0;
  for (const uint32_t length : lengths) sum += 1.0 / (1u << length);
  EXPECT_EQ(sum, 1.0);  // no bit pattern is left over
}

TEST(PrefixCode, NumbersCodesByLengthAndSymbolFirstBitLowest) {
  EXPECT_EQ(prefix_codes(Lengths{1, 2, 3, 3}), (Lengths{0b0, 0b01, 0b011, 0b111}));
  EXPECT_EQ(prefix_codes(Lengths{2, 1, 2}), (Lengths{0b01, 0b0, 0b11}));
}

}  // namespace
}  // namespace templar
