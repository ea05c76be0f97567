// Who leads the run, as the ledger says it and as this node judges it.
// docs/decisions/0027-terms-and-decisions.md.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/window/alarms.h"
#include "node/window/clock_watch.h"
#include "node/window/environment.h"
#include "node/window/replica.h"
#include "ports/term_chain.h"

namespace templar {

// What the ledger said at one moment.
struct ChainView {
  std::optional<Block> latest;
  std::vector<Registration> roster;
  std::vector<Heartbeat> heartbeats;
  std::vector<Term> terms;  // all that were begun
  std::vector<Term> chain;  // those in force

  // The term that decides that window; nullptr if there is none yet.
  [[nodiscard]] const Term* term_of(int64_t window) const { return term_of_window(chain, window); }
};

// For whoever judges no term. Fails (retry) where the ledger was away.
[[nodiscard]] Result<ChainView> look_at_ledger(const NodeEnvironment& environment,
                                               const std::set<int64_t>& refused = {});

// Whether the term begins at the replica's window, and with another model than the replica's.
[[nodiscard]] bool begins_otherwise(const Term& term, const Replica& replica);

// The validators, the term's leader first, then the others by stake: where what a decision names is looked
// for. term may be nullptr.
[[nodiscard]] std::vector<Registration> sources_of(const ChainView& view, const Term* term);

// One node's. It remembers which terms it has refused. Not thread-safe.
class Leadership {
 public:
  // The environment must outlive it. key: the node's own.
  Leadership(const NodeEnvironment& environment, NodeRole role, const PublicKey& key)
      : environment_(environment),
        role_(role),
        key_(key),
        alarms_(environment, {name_of(role), 0}),
        clocks_(environment.clock, environment.spec.network.block_seconds) {}

  // What the ledger says now. A term is refused, which is an alarm, and counts for this node no more, if it
  // begins at the replica's window with another model; if it begins behind windows that nobody has decided;
  // or if it is new and begins before the replica's window, which would take back what the replica went
  // through. If such a term is in force all the same, validators with more than half of the stake follow it:
  // then it is our model that is wrong. A replica that is not begun judges nothing. Fails (retry) where the
  // ledger was away, or has lost the node's registration, (fatal) where the key was never registered.
  [[nodiscard]] Result<ChainView> look(const Replica& replica);

  // The replica's model comes from elsewhere now: what it went through before does not bind it.
  void begin_anew() { followed_.reset(); }

  // As the ledger had it at the last look.
  [[nodiscard]] const Registration& self() const { return self_; }
  [[nodiscard]] NodeName name() const { return {name_of(role_), self_.uid}; }
  [[nodiscard]] Alarms& alarms() { return alarms_; }
  // Of the three clocks. That one of them is off is an alarm at the next look.
  [[nodiscard]] ClockWatch& clocks() { return clocks_; }
  // The node has just put that object into its bucket, from that moment on by its own clock: asks the store
  // when, where clocks are compared at all.
  void see_put(std::string_view key, TimestampMs began_ms);

 private:
  // Why the node does not follow that chain of terms, and which one it is; nullopt if it does.
  struct Objection {
    Term term;
    std::string reason;
  };
  [[nodiscard]] Result<std::optional<Objection>> objection(const ChainView& view, const Replica& replica);
  void refuse(const Objection& objection);
  void compare_clocks(const ChainView& view);
  void judge_own_standing();
  void settle_refusal(const ChainView& view, const Replica& replica);

  const NodeEnvironment& environment_;
  const NodeRole role_;
  const PublicKey key_;
  Registration self_;
  bool is_known_ = false;  // self_ has been read
  std::set<int64_t> refused_;
  std::optional<int64_t> followed_;  // the newest term of the chain that was followed at the last look
  Alarms alarms_;
  ClockWatch clocks_;
};

}  // namespace templar
