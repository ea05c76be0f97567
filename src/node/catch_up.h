// Coming (back) into the run: the newest checkpoint, then the leader's records up to now.
#pragma once

#include <cstdint>
#include <optional>

#include "node/records.h"
#include "node/replica.h"

namespace templar {

struct CatchUpReport {
  int64_t checkpoint_window = 0;
  int64_t replayed_windows = 0;
};

// Loads the newest usable checkpoint of the leader and applies every record that follows it, up to (not including) until_window if
// that is given; each record's root is checked against ours before it is applied. Nothing while the leader has not published a
// checkpoint yet. Fails (retry) where a contribution that a record names is not to be had; fails (fatal) where a record's root is
// not ours: then checkpoint and records contradict each other.
[[nodiscard]] Result<std::optional<CatchUpReport>> catch_up(const NodeEnvironment& environment, Replica& replica,
                                                            std::optional<int64_t> until_window);

// Whether the leader has published the start of a later window than that: from there a node goes on whose own window can't be
// completed any more, because a miner has taken back what the record names. Fails as the store does.
[[nodiscard]] Result<bool> is_left_behind(const NodeEnvironment& environment, const Registration& leader, int64_t window);

// The window's accepted contributions as the leader's record names them, applied; the record must be of the replica's window and
// root. at_hand: what the caller has gathered itself.
[[nodiscard]] Status apply_record(const NodeEnvironment& environment, Replica& replica, const AggregateRecord& record,
                                  std::vector<Contribution> at_hand);

}  // namespace templar
