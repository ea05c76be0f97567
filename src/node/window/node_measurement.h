// How a node's measurements begin.
#pragma once

#include <span>
#include <string_view>

#include "node/window/environment.h"

namespace templar {

// A measurement with the standard tags (uid, role, run id); its time is that of its writing.
[[nodiscard]] Measurement node_measurement(std::string_view name, std::string_view role, uint32_t uid,
                                           const NodeEnvironment& environment);

// 0 for none.
[[nodiscard]] double mean_of(std::span<const double> values);

}  // namespace templar
