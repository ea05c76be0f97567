#include "node/window/node_measurement.h"

#include <numeric>

namespace templar {

Measurement node_measurement(std::string_view name, std::string_view role, uint32_t uid,
                             const NodeEnvironment& environment) {
  Measurement measurement;
  measurement.name = name;
  measurement.tags = {
      {"role", std::string(role)}, {"uid", std::to_string(uid)}, {"run", environment.run_id.brief()}};
  return measurement;
}

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace templar
