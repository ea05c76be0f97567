#include "node/window/environment.h"

#include <string>

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

}  // namespace templar
