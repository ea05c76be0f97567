#include "adapters/metrics_logger/field_value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace templar {
namespace {

struct Summary {
  double mean = std::numeric_limits<double>::quiet_NaN();
  double min = mean;
  double max = mean;
  double median = mean;
};

Summary summarise(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return {};
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  const bool odd = values.size() % 2 == 1;
  // Halves before they are added: two large numbers may have a sum that is none.
  const double median = odd ? values[middle] : values[middle - 1] / 2 + values[middle] / 2;
  const auto count = static_cast<double>(values.size());
  double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (!std::isfinite(mean)) {
    mean = 0;
    for (const double value : values) mean += value / count;
  }
  return {.mean = mean, .min = values.front(), .max = values.back(), .median = median};
}

struct Adder {
  std::map<std::string, MetricValue>& fields;
  std::string name;

  void operator()(std::nullptr_t) const { fields[name] = 0.0; }
  void operator()(int64_t value) const { fields[name] = value; }
  void operator()(uint64_t value) const {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      fields[name] = static_cast<double>(value);
    } else {
      fields[name] = static_cast<int64_t>(value);
    }
  }
  void operator()(double value) const { fields[name] = value; }
  void operator()(const std::string& value) const { fields[name] = value; }
  void operator()(const std::vector<int64_t>& values) const {
    fields[name] = fmt::format("[{}]", fmt::join(values, ", "));
  }
  void operator()(const std::vector<double>& values) const {
    if (values.empty()) {
      fields[name] = 0.0;
      return;
    }
    const Summary summary = summarise(values);
    fields[name + "_mean"] = summary.mean;
    fields[name + "_min"] = summary.min;
    fields[name + "_max"] = summary.max;
    fields[name + "_median"] = summary.median;
  }
};

}  // namespace

void add_field(std::map<std::string, MetricValue>& fields, std::string name, const FieldValue& value) {
  std::visit(Adder{fields, std::move(name)}, value.held());
}

}  // namespace templar
