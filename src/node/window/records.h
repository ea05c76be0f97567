// Reading the leader's aggregate records.
#pragma once

#include <cstdint>
#include <optional>

#include "core/protocol/aggregate_record.h"
#include "core/scoring/peers.h"
#include "node/window/environment.h"

namespace templar {

// The leader's record of the window; nothing if it has not published one. Fails (skip) if what is there is
// not a record that the leader made for this run and window.
[[nodiscard]] Result<std::optional<AggregateRecord>> read_record(const NodeEnvironment& environment,
                                                                 const Registration& leader, int64_t window);

// The newest window that the leader has published a record of; nothing if none.
[[nodiscard]] Result<std::optional<int64_t>> newest_record_window(const NodeEnvironment& environment,
                                                                  const Registration& leader);

// The peers of a window whose own record is missing or unusable, as other records have them: lists are
// replaced at multiples of network.peer_replacement_frequency, so the nearest record between the same two
// says it; without one, the nearest before. Nothing if there is none in that stretch and the one before it.
// Fails (retry) where the store was away.
[[nodiscard]] Result<std::optional<PeerSelection>> peers_in_force(const NodeEnvironment& environment,
                                                                  const Registration& leader, int64_t window);

[[nodiscard]] PeerSelection selection_of(const AggregateRecord& record);

}  // namespace templar
