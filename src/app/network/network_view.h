// A whole network as its ledger and its nodes' buckets show it: for whoever has no folder of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "core/run/run_spec.h"
#include "ports/alarm_kinds.h"
#include "ports/object_store.h"
#include "ports/signed_ledger.h"
#include "ports/term_chain.h"

namespace templar {

struct NodeView {
  Registration node;
  std::optional<NodeStart> start;         // nullopt: it has not said with what it works
  std::optional<TimestampMs> start_ms;    // the ledger's time when it did
  std::optional<int64_t> window;          // of its heartbeat, or of its newest contribution
  std::optional<TimestampMs> last_ms;     // when that was, by the ledger's time or its store's
  bool is_alive = false;                  // that is of the last windows
  std::optional<bool> in_sync;            // nullopt: nobody can tell yet
  std::optional<Verdict> verdict;         // of a miner, in the newest decided window that judged it
  std::optional<int64_t> verdict_window;  // which that is
  std::optional<double> weight;           // of a miner, as the leader has set it
  std::optional<double> pay;              // of a miner: its share of the reward, see agreed_weights.h
  std::optional<double> agreement;        // of a validator's weights with what the miners are paid
  std::optional<int64_t> term;            // of a validator: that it follows
  std::string trouble;                    // why its bucket could not be read; empty: it was, or has none
};

struct NetworkAlarm {
  AlarmKind kind;
  std::string reason;
};

struct NetworkView {
  RunSpec spec;
  std::optional<Block> latest;
  std::optional<int64_t> window;      // of the newest block
  TimestampMs read_ms = 0;            // by this machine's clock
  std::vector<Term> chain;            // in force
  std::vector<Amendment> amendments;  // all that count, also those of later windows
  std::optional<Decision> decided;
  std::vector<NodeView> nodes;                               // ascending by uid
  std::vector<std::pair<PublicKey, StandingEntry>> awaited;  // of whom the owner has spoken, not registered
  std::vector<NetworkAlarm> alarms;
};

// Looks once; asks each node's bucket for the names of its contributions. A bucket that can't be read is that
// node's trouble. Fails as the ledger does.
[[nodiscard]] Result<NetworkView> read_network(const RunSpec& spec, const SignedLedger& ledger,
                                               const ObjectReader& stores, TimestampMs now_ms);

// The newest decision that is in force; nullopt if nothing is decided yet. current_window: no later one is
// decided. Asks about as many times as its number has binary digits.
[[nodiscard]] Result<std::optional<Decision>> newest_decision(const LedgerReader& ledger,
                                                              const std::vector<Term>& chain,
                                                              int64_t current_window);

// For people: a head, and a line for each node.
[[nodiscard]] std::string network_text(const NetworkView& view);
// For scripts, indented.
[[nodiscard]] std::string network_json(const NetworkView& view);

}  // namespace templar
