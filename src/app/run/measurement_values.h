// What a measurement says, read without trust: whatever is missing or of another type is absent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ports/measurement_names.h"
#include "ports/metrics_sink.h"

namespace templar {

[[nodiscard]] bool is(const Measurement& measurement, MeasurementName name);

// Empty if there is none.
[[nodiscard]] std::string tag(const Measurement& measurement, const char* name);
// nullopt also if it is no uid.
[[nodiscard]] std::optional<uint32_t> uid_tag(const Measurement& measurement, const char* name);

// A field as a number, whichever type it has; nullopt if it is missing, text or not finite.
[[nodiscard]] std::optional<double> number_field(const Measurement& measurement, FieldName name);
// nullopt also if it is too large to be exact.
[[nodiscard]] std::optional<int64_t> integer_field(const Measurement& measurement, FieldName name);
// Empty if it is missing or no text.
[[nodiscard]] std::string text_field(const Measurement& measurement, FieldName name);

// The same for names that are put together: of phases and GPUs.
[[nodiscard]] std::optional<double> number_named(const Measurement& measurement, const std::string& name);
[[nodiscard]] std::optional<int64_t> integer_named(const Measurement& measurement, const std::string& name);

}  // namespace templar
