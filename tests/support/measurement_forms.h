// Measurements held against the list in ports/measurement_names.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ports/measurement_names.h"
#include "ports/metrics_sink.h"

namespace templar::testing {

// The names that the field stands for: one for each phase or for GPU 0, else its own.
[[nodiscard]] std::vector<std::string> names_of(const FieldForm& field);

// The form's fields, tags and standard tags by their names.
[[nodiscard]] std::vector<std::string> names_of(const MeasurementForm& form);

// A measurement with all that its form lists: every number is 1, every text and tag its own name, a uid "1".
[[nodiscard]] Measurement filled_measurement(const MeasurementForm& form);

// In what the measurement is not as its form says, in words; empty if it is.
[[nodiscard]] std::string misfits_of(const Measurement& measurement);

}  // namespace templar::testing
