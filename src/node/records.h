// Reading the leader's aggregate records.
#pragma once

#include <cstdint>
#include <optional>

#include "core/protocol/aggregate_record.h"
#include "node/environment.h"

namespace templar {

// The leader's record of the window; nothing if it has not published one. Fails (skip) if what is there is not a record that the
// leader made for this run and window.
[[nodiscard]] Result<std::optional<AggregateRecord>> read_record(const NodeEnvironment& environment, const Registration& leader,
                                                                 int64_t window);

// The newest window that the leader has published a record of; nothing if none.
[[nodiscard]] Result<std::optional<int64_t>> newest_record_window(const NodeEnvironment& environment, const Registration& leader);

}  // namespace templar
