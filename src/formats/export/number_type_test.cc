#include "formats/export/number_type.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/expect_failure.h"

namespace templar::testing {
namespace {

// The value of f16 bits by the definition of binary16: one sign bit, five of exponent, ten of fraction.
double value_of_f16(uint32_t bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  const auto exponent = static_cast<int>((bits >> 10) & 0x1fU);
  const double fraction = (bits & 0x3ffU) / 1024.0;
  if (exponent == 0) return sign * std::ldexp(fraction, -14);
  return sign * std::ldexp(1 + fraction, exponent - 15);
}

Result<Bytes> appended(NumberType type, std::vector<float> values) {
  Bytes out;
  TRY(append_as(type, values, out));
  return out;
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(NumberType, HasNames) {
  for (const char* name : {"f32", "bf16", "f16"}) EXPECT_EQ(name_of(parse_number_type(name).value()), name);
  EXPECT_TRUE(fails(parse_number_type("f64"), ErrorKind::kFatal, "f32, bf16 and f16"));
  EXPECT_EQ(bytes_of(NumberType::kF32), 4);
  EXPECT_EQ(bytes_of(NumberType::kBf16), 2);
  EXPECT_EQ(bytes_of(NumberType::kF16), 2);
}

TEST(NumberType, KeepsEveryF16ThatThereIs) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    if ((bits & 0x7c00U) == 0x7c00U) continue;
    ASSERT_EQ(to_f16_bits(static_cast<float>(value_of_f16(bits))), bits);
  }
}

// Between two neighbours the middle goes to the even one, and what is next to the middle to the nearer one.
TEST(NumberType, RoundsToTheNearestF16AndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const auto middle = static_cast<float>((value_of_f16(bits) + value_of_f16(bits + 1)) / 2);
    ASSERT_EQ(to_f16_bits(middle), bits + (bits & 1U)) << bits;
    ASSERT_EQ(to_f16_bits(std::nextafter(middle, 0.0F)), bits);
    ASSERT_EQ(to_f16_bits(std::nextafter(middle, kInfinity)), bits + 1);
    ASSERT_EQ(to_f16_bits(-middle), 0x8000U | (bits + (bits & 1U)));
  }
}

TEST(NumberType, KnowsWhereF16Ends) {
  EXPECT_EQ(to_f16_bits(65504), 0x7bff);
  EXPECT_EQ(to_f16_bits(std::nextafter(65520.0F, 0.0F)), 0x7bff);
  EXPECT_EQ(to_f16_bits(65520), 0x7c00);
  EXPECT_EQ(to_f16_bits(-kInfinity), 0xfc00);
  EXPECT_EQ(to_f16_bits(std::nanf("")) & 0x7c00, 0x7c00);
  EXPECT_NE(to_f16_bits(std::nanf("")) & 0x3ff, 0);
  EXPECT_EQ(to_f16_bits(1e-10F), 0);
}

TEST(NumberType, RefusesAFiniteValueThatWouldBecomeInfinite) {
  EXPECT_TRUE(fails(appended(NumberType::kF16, {1, -70000, 2}), ErrorKind::kFatal,
                    "-70000 is beyond the range of f16"));
  EXPECT_TRUE(fails(appended(NumberType::kBf16, {3.4e38F}), ErrorKind::kFatal, "beyond the range of bf16"));
  EXPECT_TRUE(appended(NumberType::kBf16, {-70000}));
  EXPECT_EQ(appended(NumberType::kF16, {kInfinity}).value(), (Bytes{0x00, 0x7c}));
}

// 1 + 2^-8 lies between the bf16 neighbours 1 (0x3f80) and 1 + 2^-7 (0x3f81); 1 + 3*2^-8 between that and
// 1 + 2^-6 (0x3f82).
TEST(NumberType, RoundsBf16ToEven) {
  EXPECT_EQ(appended(NumberType::kBf16, {1 + 0x1p-8F, 1 + 3 * 0x1p-8F, -1}).value(),
            (Bytes{0x80, 0x3f, 0x82, 0x3f, 0x80, 0xbf}));
}

TEST(NumberType, LeavesF32AsItIs) {
  EXPECT_EQ(appended(NumberType::kF32, {1, -2}).value(), (Bytes{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}));
}

}  // namespace
}  // namespace templar::testing
