#include "formats/export/number_type.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "base/bfloat16.h"

namespace templar {
namespace {

constexpr std::array<std::pair<std::string_view, NumberType>, 3> kNames = {
    {{"f32", NumberType::kF32}, {"bf16", NumberType::kBf16}, {"f16", NumberType::kF16}}};

// Exponent and mantissa bits all set in the exponent: infinity.
constexpr uint16_t kBf16Infinity = 0x7f80;
constexpr uint16_t kF16Infinity = 0x7c00;
constexpr uint16_t kSignBit = 0x8000;

template <typename Rounding>
Status append_rounded(std::span<const float> values, uint16_t infinity, NumberType type, Bytes& out,
                      const Rounding& round) {
  const size_t begin = out.size();
  out.resize(begin + values.size() * sizeof(uint16_t));
  uint8_t* to = out.data() + begin;
  for (const float value : values) {
    const uint16_t bits = round(value);
    if ((bits & ~kSignBit) == infinity && !std::isinf(value)) {
      return fatal_error(fmt::format("{} is beyond the range of {}", value, name_of(type)));
    }
    std::memcpy(to, &bits, sizeof(bits));
    to += sizeof(bits);
  }
  return {};
}

}  // namespace

Result<NumberType> parse_number_type(std::string_view name) {
  for (const auto& [known, type] : kNames) {
    if (name == known) return type;
  }
  return fatal_error(fmt::format("'{}' is no number type; there are f32, bf16 and f16", name));
}

std::string_view name_of(NumberType type) {
  return kNames[std::to_underlying(type)].first;
}

uint64_t bytes_of(NumberType type) {
  return type == NumberType::kF32 ? sizeof(float) : sizeof(uint16_t);
}

uint16_t to_f16_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & kSignBit);
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return sign | 0x7e00U;        // NaN
  if (magnitude >= 0x477ff000U) return sign | kF16Infinity;  // 65520, halfway to 2^16, rounds up
  if (magnitude < 0x38800000U) {
    // Below 2^-14, f16 counts in steps of 2^-24: adding 0.5, whose last place is that, rounds as the
    // processor does, to even.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return sign | static_cast<uint16_t>(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5F));
  }
  // 13 bits of the mantissa go, the exponent's bias changes from 127 to 15; a carry goes into the exponent.
  const uint32_t rounded = magnitude + 0xfffU + ((magnitude >> 13) & 1U);
  return sign | static_cast<uint16_t>((rounded - (112U << 23)) >> 13);
}

Status append_as(NumberType type, std::span<const float> values, Bytes& out) {
  switch (type) {
    case NumberType::kF32: {
      const ByteView bytes = as_bytes(values);
      out.insert(out.end(), bytes.begin(), bytes.end());
      return {};
    }
    case NumberType::kBf16:
      return append_rounded(values, kBf16Infinity, type, out,
                            [](float value) { return to_bf16(value).bits; });
    case NumberType::kF16:
      return append_rounded(values, kF16Infinity, type, out, to_f16_bits);
  }
  return fatal_error("unknown number type");
}

}  // namespace templar
