// What nodes say about a window, as measurements and log lines.
#pragma once

#include <span>
#include <string_view>

#include "node/environment.h"
#include "node/gather.h"

namespace templar {

// A measurement with the standard tags (uid, role, run id); its time is that of its writing.
[[nodiscard]] Measurement node_measurement(std::string_view name, std::string_view role, uint32_t uid,
                                           const NodeEnvironment& environment);

// Whose contributions were taken and whose were not.
void add_gathered(Measurement& measurement, const Gathered& gathered);

// 0 for none.
[[nodiscard]] double mean_of(std::span<const double> values);

// Says on the log in what our own gather differs from the leader's record, if it does.
void log_differences(const Gathered& own, const AggregateRecord& record, std::string_view room, uint32_t uid);

}  // namespace templar
