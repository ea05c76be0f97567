#include "node/window/node_measurement.h"

#include <numeric>

namespace templar {

Measurement node_measurement(MeasurementName name, const NodeName& node, const NodeEnvironment& environment,
                             std::initializer_list<MetricField> fields) {
  Measurement measurement;
  measurement.name = name.text();
  measurement.tags = {{"role", std::string(node.role)},
                      {"uid", std::to_string(node.uid)},
                      {"run", environment.run_id.brief()}};
  add_fields(measurement, fields);
  return measurement;
}

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace templar
