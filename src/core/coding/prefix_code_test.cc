#include "core/coding/prefix_code.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

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

// Symbols 0 .. 8 weigh 1/2, 1/4, ..., 1/512 and symbol 9 as much as the last: so many ones and a zero; nine
// ones.
std::vector<double> halving_weights() {
  std::vector<double> weights;
  for (int i = 1; i <= 9; ++i) weights.push_back(1.0 / (1 << i));
  weights.push_back(weights.back());
  return weights;
}

TEST(PrefixCodes, ReadCodesThatAreLongerThanTheLookup) {
  for (const int lookup_bits : {1, 4, 8, 9, 12}) {
    PrefixCodes codes;
    const PrefixTable table = codes.add(halving_weights(), lookup_bits);
    BitWriter writer;
    for (uint32_t symbol = 0; symbol < 10; ++symbol) codes.put(table, symbol, writer);
    const Bytes bytes = writer.take();
    BitReader reader(bytes);
    for (int symbol = 0; symbol < 9; ++symbol) EXPECT_EQ(reader.get(symbol + 1), (1u << symbol) - 1);
    EXPECT_EQ(reader.get(9), 511u);

    BitReader again(bytes);
    const PrefixCodes::Reader symbols(codes);
    for (uint32_t symbol = 0; symbol < 10; ++symbol) {
      again.refill();
      ASSERT_EQ(symbols.get(table, again), symbol) << lookup_bits << " bits are looked up";
    }
    EXPECT_EQ(again.position(), 45u + 9u);  // 1 + 2 + ... + 9, and 9
  }
}

TEST(PrefixCodes, BringSymbolsOfManyAlphabetsBack) {
  Random random(1, "alphabets");
  PrefixCodes codes;
  std::vector<PrefixTable> tables;
  for (size_t symbols = 1; symbols <= 256; ++symbols) {
    std::vector<double> weights;
    for (size_t i = 0; i < symbols; ++i)
      weights.push_back(random.uniform() * random.uniform() * random.uniform());
    tables.push_back(codes.add(std::move(weights), static_cast<int>(symbols % 13)));
  }
  std::vector<std::pair<size_t, uint32_t>> message;
  for (size_t table = 0; table < tables.size(); ++table) {
    for (uint32_t symbol = 0; symbol < tables[table].symbols; ++symbol) message.emplace_back(table, symbol);
  }
  BitWriter writer;
  BitCounter counter;
  for (const auto& [table, symbol] : message) {
    codes.put(tables[table], symbol, writer);
    codes.put(tables[table], symbol, counter);
  }
  const Bytes bytes = writer.take();
  BitReader reader(bytes);
  const PrefixCodes::Reader symbols(codes);
  for (const auto& [table, symbol] : message) {
    reader.refill();
    ASSERT_EQ(symbols.get(tables[table], reader), symbol) << tables[table].symbols << " symbols";
  }
  EXPECT_EQ(static_cast<int64_t>(reader.position()), counter.total());
}

TEST(PrefixCodes, GiveASingleSymbolNoBits) {
  PrefixCodes codes;
  (void)codes.add({1, 1}, 8);
  const PrefixTable single = codes.add({0.5}, 8);
  BitCounter counter;
  codes.put(single, 0, counter);
  EXPECT_EQ(counter.total(), 0);
  const Bytes ones{0xff};
  BitReader reader(ones);
  reader.refill();
  EXPECT_EQ(PrefixCodes::Reader(codes).get(single, reader), 0u);
  EXPECT_EQ(reader.position(), 0u);
}

}  // namespace
}  // namespace templar
