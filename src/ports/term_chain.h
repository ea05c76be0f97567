// Which terms are in force, and whose turn it is to begin the next one. Pure functions over what the ledger
// says. docs/decisions/0027-terms-and-decisions.md.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/run/run_spec.h"
#include "ports/ledger.h"

namespace templar {

// The terms in force, each following the one before it, ascending by number and by first window; empty before
// the run has begun. Of several chains the one whose last term validators with the most stake follow by their
// heartbeats; of equal ones the one whose last term has the highest number. refused: terms that the reader
// has found to begin with another model than its own. They, and what follows them, count only where
// validators with more than half of all stake follow them.
[[nodiscard]] std::vector<Term> chain_in_force(std::span<const Term> terms,
                                               std::span<const Heartbeat> heartbeats,
                                               std::span<const Registration> roster,
                                               const std::set<int64_t>& refused = {});

// The term that decides that window; nullptr if the chain reaches over it with none.
[[nodiscard]] const Term* term_of_window(std::span<const Term> chain, int64_t window);

// Stake of all validators that are not removed.
[[nodiscard]] double total_stake(std::span<const Registration> roster);
// Of those of them whose heartbeat names that root for that window. also: a key that has said so elsewhere.
[[nodiscard]] double stake_behind_root(std::span<const Registration> roster,
                                       std::span<const Heartbeat> heartbeats, int64_t window,
                                       const Hash256& root, const std::optional<PublicKey>& also = {});

// What a validator needs to know to judge whether it may take over.
struct TakeoverView {
  std::span<const Term> chain;  // in force, not empty
  std::span<const Heartbeat> heartbeats;
  std::span<const Registration> roster;
  int64_t latest_block = 0;
  int64_t undecided_window = 0;  // the first
  int64_t newest_closed_window = 0;
};
// Whether it is that validator's turn to begin the next term at the undecided window. It is where the leader
// has left network.leader_loss_windows closed windows undecided, is removed, or its term was ended by the
// owner; the validator has stake and is not the leader; and each validator with more stake (of equals with a
// lower uid) whose heartbeat is alive has had one closed window more for itself. Never while validators with
// half of the stake say that they stand behind that window: its decision is there, and withheld from us.
[[nodiscard]] bool may_take_over(const TakeoverView& view, const NetworkSpec& network, uint32_t uid);

// Whether a heartbeat is as young as of somebody alive: of the last leader_loss_windows windows, by the
// ledger's blocks.
[[nodiscard]] bool is_alive(const Heartbeat& heartbeat, int64_t latest_block, const NetworkSpec& network);

}  // namespace templar
