#include "ports/metric_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace templar {
namespace {

struct Summary {
  double mean = std::numeric_limits<double>::quiet_NaN();
  double min = mean;
  double max = mean;
  double median = mean;
};

// Of the finite values. One step that overflowed must not hide what the others were.
Summary summarise(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return {};
  std::ranges::sort(values);
  // Divided before they are added: the sum of two large numbers may be infinite.
  const auto count = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / count;
  const size_t middle = values.size() / 2;
  const bool odd = values.size() % 2 == 1;
  return {.mean = mean,
          .min = values.front(),
          .max = values.back(),
          .median = odd ? values[middle] : values[middle - 1] / 2 + values[middle] / 2};
}

}  // namespace

void add_fields(Measurement& measurement, std::initializer_list<MetricField> fields) {
  for (const MetricField& field : fields) measurement.fields[std::string(field.name.text())] = field.value;
}

void add_list_field(Measurement& measurement, FieldName name, std::span<const int64_t> values) {
  measurement.fields[std::string(name.text())] = fmt::format("[{}]", fmt::join(values, ", "));
}

void add_list_field(Measurement& measurement, std::string_view name, std::span<const double> values) {
  if (values.empty()) {
    measurement.fields[std::string(name)] = 0.0;
    return;
  }
  const Summary summary = summarise({values.begin(), values.end()});
  const auto add = [&](const char* suffix, double value) {
    measurement.fields[std::string(name) + suffix] = value;
  };
  add("_mean", summary.mean);
  add("_min", summary.min);
  add("_max", summary.max);
  add("_median", summary.median);
}

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace templar
