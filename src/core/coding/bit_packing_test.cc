#include "core/coding/bit_packing.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace templar {
namespace {

TEST(BitPacking, FillsBytesFromTheLeastSignificantBit) {
  BitWriter writer;
  writer.put(1, 1);
  writer.put(0b10, 3);
  writer.put(0x7f, 7);
  EXPECT_EQ(to_hex(writer.take()), "f507");
}

TEST(BitPacking, BringsNumbersOfAllWidthsBack) {
  Random random(1, "bits");
  std::vector<std::pair<uint64_t, int>> numbers;
  BitWriter writer;
  for (int i = 0; i < 20000; ++i) {
    const auto bits = static_cast<int>(random.below(65));
    numbers.emplace_back(random.next() & low_bits(bits), bits);
    writer.put(numbers.back().first, bits);
  }
  const Bytes bytes = writer.take();
  BitReader reader(bytes);
  for (const auto& [value, bits] : numbers) ASSERT_EQ(reader.get(bits), value);
  EXPECT_FALSE(reader.overran());
  EXPECT_TRUE(reader.padding_is_zero());
  EXPECT_EQ(reader.next_byte(), bytes.size());
}

TEST(BitPacking, ReadsZerosBehindTheEndAndSaysSo) {
  const Bytes bytes{0xff};
  BitReader reader(bytes);
  EXPECT_EQ(reader.get(12), 0xffu);
  EXPECT_TRUE(reader.overran());
}

TEST(BitPacking, BringsRiceCodesBackAndBoundsThem) {
  for (int parameter = 0; parameter <= 14; ++parameter) {
    BitWriter writer;
    for (const uint64_t value : {0u, 1u, 63u, 300u, 32766u}) put_rice(value, parameter, writer);
    const Bytes bytes = writer.take();
    BitReader reader(bytes);
    for (const uint64_t value : {0u, 1u, 63u, 300u, 32766u}) {
      ASSERT_EQ(get_rice(parameter, 32766, reader), value);
    }
  }
  const Bytes ones(10000, 0xff);
  BitReader reader(ones);
  EXPECT_GT(get_rice(0, 64, reader), 64u);
}

}  // namespace
}  // namespace templar
