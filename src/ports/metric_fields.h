// How values become fields of a measurement, the same for every writer and sink, so that dashboards find one
// type under one name: integers stay integers, floats floats, text text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "ports/measurement_names.h"
#include "ports/metrics_sink.h"

namespace templar {

struct MetricField {
  FieldName name;
  MetricValue value;
};

// Replaces fields that are there already.
void add_fields(Measurement& measurement, std::initializer_list<MetricField> fields);
// A list of integers becomes one text field: "[3, 1, 2]".
void add_list_field(Measurement& measurement, FieldName name, std::span<const int64_t> values);
// A list of floats becomes four fields: name_mean, name_min, name_max and name_median (the mean of the two in
// the middle, if their number is even), of its finite values; all four are NaN if no value is finite. An
// empty list becomes the one field name, 0.0.
void add_list_field(Measurement& measurement, std::string_view name, std::span<const double> values);

// 0 of an empty list.
[[nodiscard]] double mean_of(std::span<const double> values);

}  // namespace templar
