// The types in which a model's f32 parameters leave: as they are, or rounded.
#pragma once

#include <span>
#include <string_view>

#include "base/bytes.h"

namespace templar {

enum class NumberType { kF32, kBf16, kF16 };

// "f32", "bf16" or "f16". Fails (fatal) on another name and lists these.
[[nodiscard]] Result<NumberType> parse_number_type(std::string_view name);
[[nodiscard]] std::string_view name_of(NumberType type);
[[nodiscard]] uint64_t bytes_of(NumberType type);

// IEEE 754 binary16 of the value: rounded to nearest, ties to even; infinite beyond 65504 (from 65520 on); an
// infinity and a NaN stay what they are.
[[nodiscard]] uint16_t to_f16_bits(float value);

// Appends the values, little-endian: bf16 and f16 rounded to nearest, ties to even. Fails (fatal), naming the
// value, where a finite one is beyond the type's range: a weight that became infinite, or was cut to 65504,
// would be another model that nobody hears of.
[[nodiscard]] Status append_as(NumberType type, std::span<const float> values, Bytes& out);

}  // namespace templar
