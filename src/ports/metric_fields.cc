#include "ports/metric_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace templar {

void add_list_field(Measurement& measurement, std::string_view name, std::span<const int64_t> values) {
  measurement.fields[std::string(name)] = fmt::format("[{}]", fmt::join(values, ", "));
}

void add_list_field(Measurement& measurement, std::string_view name, std::span<const double> values) {
  if (values.empty()) return;
  const auto add = [&](const char* suffix, double value) {
    measurement.fields[std::string(name) + suffix] = value;
  };
  std::vector<double> sorted(values.begin(), values.end());
  if (std::ranges::any_of(sorted, [](double value) { return std::isnan(value); })) {
    for (const char* suffix : {"_mean", "_min", "_max", "_median"})
      add(suffix, std::numeric_limits<double>::quiet_NaN());
    return;
  }
  std::ranges::sort(sorted);
  double sum = 0;
  for (const double value : sorted) sum += value;
  const size_t middle = sorted.size() / 2;
  add("_mean", sum / static_cast<double>(sorted.size()));
  add("_min", sorted.front());
  add("_max", sorted.back());
  add("_median", sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2);
}

void add_missing_field(Measurement& measurement, std::string_view name) {
  measurement.fields[std::string(name)] = 0.0;
}

}  // namespace templar
