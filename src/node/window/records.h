// Reading the leader's aggregate records.
#pragma once

#include <cstdint>
#include <optional>

#include "core/protocol/aggregate_record.h"
#include "core/scoring/peers.h"
#include "node/window/environment.h"

namespace templar {

// The leader's record of the window; nullopt if it has not published one. Fails (skip) if what is there is
// not a record that the leader made for this run and window, (retry) where the store was away.
[[nodiscard]] Result<std::optional<AggregateRecord>> read_record(const NodeEnvironment& environment,
                                                                 const Registration& leader, int64_t window);

// The newest window that the leader has published a record of; nullopt if there is none.
[[nodiscard]] Result<std::optional<int64_t>> newest_record_window(const NodeEnvironment& environment,
                                                                  const Registration& leader);

// The peers in force in a window whose own record is missing or unusable, as another record names them. Peer
// lists are replaced at multiples of network.peer_replacement_frequency: all windows between two of these
// have the same peers. So the nearest record between the same two multiples is taken, or else the nearest of
// the stretch before. nullopt if neither stretch has a usable record. Fails (retry) where the store was away.
[[nodiscard]] Result<std::optional<PeerSelection>> peers_in_force(const NodeEnvironment& environment,
                                                                  const Registration& leader, int64_t window);

[[nodiscard]] PeerSelection selection_of(const AggregateRecord& record);

}  // namespace templar
