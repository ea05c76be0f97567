// What all measurements of a node have, whatever they tell of.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "node/window/environment.h"
#include "ports/metric_fields.h"

namespace templar {

struct NodeName {
  std::string_view role;  // name_of its NodeRole, or "baseline"; must live as long as this
  uint32_t uid = 0;
};

// A measurement with those fields and the standard tags: the node's role and uid, and the run. Its time is
// that of its writing.
[[nodiscard]] Measurement node_measurement(MeasurementName name, const NodeName& node,
                                           const NodeEnvironment& environment,
                                           std::initializer_list<MetricField> fields);

// 0 if there are no values.
[[nodiscard]] double mean_of(std::span<const double> values);

}  // namespace templar
