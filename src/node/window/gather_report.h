// What nodes say about a gather, as measurements and log lines.
#pragma once

#include <string_view>

#include "node/window/environment.h"
#include "node/window/gather.h"

namespace templar {

// Whose contributions were taken and whose were not.
void add_gathered(Measurement& measurement, const Gathered& gathered);

// Says on the log in what our own gather differs from the leader's record, if it does.
void log_differences(const Gathered& own, const AggregateRecord& record, std::string_view room, uint32_t uid);

}  // namespace templar
