// Deciding a window that has closed: which contributions its outer step takes. All nodes gather by the same
// rule from the same stores; where the leader has published a record of the window, the record settles it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/protocol/aggregate_record.h"
#include "core/scoring/peers.h"
#include "node/window/gather.h"
#include "node/window/replica.h"
#include "node/window/window_timeline.h"

namespace templar {

// The record is not there yet and may still come.
struct RecordAwaited {};

// The record names another state root than that of our model at the window's start: our model is wrong.
struct ModelDiverged {
  AggregateRecord record;
};

// The record names contributions that neither their miners' buckets nor the leader's have any more.
struct ContributionsMissing {
  AggregateRecord record;
  std::vector<MissingContribution> missing;
};

struct DecidedWindow {
  GatherRequest request;
  // accepted is what the window's outer step takes: what the record names, if there is one, else what our own
  // gather accepted. rejected is what our own gather rejected in both cases; a validator puts the record's
  // list in its place.
  Gathered gathered;
  Registration leader;
  std::optional<AggregateRecord> record;  // nullopt: the leader has published none, or an unusable one
};

using WindowDecision = std::variant<RecordAwaited, ModelDiverged, ContributionsMissing, DecidedWindow>;

struct DecidingNode {
  NodeName name;
  // The peers in force in the replica's window, which has no usable record; problem: why it has none.
  std::function<Result<PeerSelection>(const Registration& leader, const std::string& problem)>
      peers_without_record;
};

// Decides the replica's window, whose put window must be over. Every node but the leader waits
// network.record_wait_seconds for the record before its own gather counts. Differences between our own gather
// and the record go to the log. The time of the gather is the timeline's phase "gather".
//
// Fails (retry) where the store or the ledger was away, (fatal) where the ledger has no validator or the
// window's shard is missing or corrupt, and as peers_without_record does; nothing is changed by a failure.
[[nodiscard]] Result<WindowDecision> decide_window(const NodeEnvironment& environment, const Replica& replica,
                                                   WindowTimeline& timeline, const DecidingNode& node);

// What gather() needs to know for the replica's window. Fails (retry) where the ledger was away, or has no
// end of the window yet.
[[nodiscard]] Result<GatherRequest> gather_request(const NodeEnvironment& environment, const Replica& replica,
                                                   PeerSelection peers, std::vector<Registration> roster);

}  // namespace templar
