// What can go wrong in a simulated network.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace templar {

enum class FaultKind {
  // Of a node.
  kKilled,      // at one of its calls, or while it waits; it comes back
  kPowerCut,    // the same, and its disk loses what was not synced
  kLost,        // it never comes back
  kPaused,      // it does nothing for a while, and does not know it
  kDiskFull,    // its state can't be written for a while
  kDiskLost,    // it comes back on an empty disk
  kCutOff,      // it does not reach some other nodes' buckets for a while
  kLedgerAway,  // it does not reach the ledger for a while
  // Of one of its calls.
  kSlow,        // the call takes a while
  kRefused,     // it fails, and nothing is done
  kForgotten,   // it is done, and reported as failed
  kTwice,       // a write is done, and done again later
  kStaleList,   // a listing lacks what is new
  kTornRead,    // the reader gets the first half of an object
  kRottenRead,  // the reader gets one bit wrong
  // Of what is stored.
  kRottenObject,   // one bit of an object is wrong from now on
  kObjectDeleted,  // by its owner
  kBucketLost,     // with all that is in it
  // Of time.
  kClockOff,           // the clock of one bucket's store goes wrong for a while, by minutes or by an hour
  kNodeClockOff,       // likewise, a node's own
  kTimeJumped,         // the ledger's time jumps
  kTimekeeperStopped,  // no blocks for a while
  // Of who leads.
  kTermEnded,      // by the owner
  kWrongTerm,      // a validator that is no node of ours begins a term with a wrong model
  kNodeRemoved,    // by the owner
  kWrongDecision,  // of the leader, for a wrong model or with a contribution that nobody has; the owner takes
                   // it back
  kDecidedAgain,   // a second process with the leader's key decides a decided window with another record
};
inline constexpr std::array<std::string_view, 27> kFaultNames = {"killed",         "power_cut",
                                                                 "lost",           "paused",
                                                                 "disk_full",      "disk_lost",
                                                                 "cut_off",        "ledger_away",
                                                                 "slow",           "refused",
                                                                 "forgotten",      "twice",
                                                                 "stale_list",     "torn_read",
                                                                 "rotten_read",    "rotten_object",
                                                                 "object_deleted", "bucket_lost",
                                                                 "clock_off",      "node_clock_off",
                                                                 "time_jumped",    "timekeeper_stopped",
                                                                 "term_ended",     "wrong_term",
                                                                 "node_removed",   "wrong_decision",
                                                                 "decided_again"};
inline constexpr size_t kFaultKinds = kFaultNames.size();

[[nodiscard]] constexpr std::string_view name_of(FaultKind kind) {
  return kFaultNames[static_cast<size_t>(kind)];
}

// How often each kind has happened.
using FaultCounts = std::array<int64_t, kFaultKinds>;

}  // namespace templar
