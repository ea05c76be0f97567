// The decision of a window that has closed: which contributions its outer step takes. A window is decided
// once, on the ledger, by the leader of the term in force: its decision is a record, which names the
// contributions. docs/decisions/0027-terms-and-decisions.md.
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
#include "node/window/leadership.h"
#include "node/window/replica.h"

namespace templar {

struct Awaited {
  Progress what = Progress::kAwaitsEntry;  // kAwaitsBlock: the put window is not over yet
  std::string reason;
};

// Our model is not the one that the window begins with.
struct Diverged {
  int64_t window = 0;
  int64_t outer_step = 0;  // before it
  Hash256 root;            // at its start
  std::string by;          // "the decision of window 5", "term 2"
};

// A decision was made by another run spec than ours: its record names other amendments.
struct Doubted {
  int64_t window = 0;
  std::string reason;  // for people, with what may be wrong
};

// Contributions that a decision names are not to be had.
struct Missing {
  Decision decision;
  AggregateRecord wanted;  // with just those that are missing
  std::string reason;
};

struct DecidedWindow {
  Decision decision;
  std::vector<Contribution> accepted;  // what the outer step takes, ascending uid: what the record names
  std::vector<Registration> roster;    // the ledger's registrations

  [[nodiscard]] const AggregateRecord& record() const { return decision.record; }
  [[nodiscard]] int64_t window() const { return decision.record.window; }
};

using WindowDecision = std::variant<Awaited, Diverged, Doubted, Missing, DecidedWindow>;

struct DecideOptions {
  // What the node has of the contributions that a record names, so that it is not fetched again.
  std::function<Result<std::vector<Contribution>>(const AggregateRecord& record)> at_hand = {};
  // false: what lies in a store that is away counts as missing.
  bool waits_for_stores = true;
};

// The decision of the replica's window, which must be begun. view: the ledger as Leadership::look(replica)
// gave it. Fails (retry) where the ledger was away or, if it waits for them, a store; and as at_hand does.
[[nodiscard]] Result<WindowDecision> decide(const NodeEnvironment& environment, const ChainView& view,
                                            const Replica& replica, const DecideOptions& options = {});

// Its parts, for a catch-up that reads ahead.

// What the decision of that window names; nullopt if it is not decided. Fails as decide().
using FetchedDecision = std::optional<std::variant<Missing, DecidedWindow>>;
[[nodiscard]] Result<FetchedDecision> fetch_decided(const NodeEnvironment& environment, const ChainView& view,
                                                    int64_t window, const DecideOptions& options = {});
// How the replica's model differs from the one that this decision of its window names, if it does.
[[nodiscard]] std::optional<Diverged> divergence_from(const Decision& decision, const Replica& replica);
// How the amendments that this decision of the replica's window names differ from those that are in force for
// us; nullopt if they are the same. Both are final: what remains is that a ledger withholds something, or
// that a program can't follow.
[[nodiscard]] std::optional<Doubted> doubt_of_amendments(const Decision& decision, const Replica& replica);
// The same as divergence_from() of a term in force that begins at its window.
[[nodiscard]] std::optional<Diverged> divergence_from(const ChainView& view, const Replica& replica);
// Why the replica's model stays although a decision names another: validators with more stake stand behind
// ours at that window. nullopt where they don't, or it is not a decision that differs.
[[nodiscard]] std::optional<std::string> doubt_about(const Diverged& diverged, const ChainView& view,
                                                     const Replica& replica);
// Whether all of it can be had by now; a store that is away has nothing.
[[nodiscard]] bool has_turned_up(const NodeEnvironment& environment, const ChainView& view,
                                 const Missing& missing);

[[nodiscard]] PeerSelection selection_of(const AggregateRecord& record);
// Whether the record asks anybody. In a window that nobody could train in it asks nobody.
[[nodiscard]] bool asks_nobody(const AggregateRecord& record);

// What gather() needs to know for the replica's window. Fails (retry) where the ledger was away, or has no
// end of the window yet.
[[nodiscard]] Result<GatherRequest> gather_request(const NodeEnvironment& environment, const Replica& replica,
                                                   PeerSelection peers, std::vector<Registration> roster);

}  // namespace templar
