// What nodes and the run's owner say on the ledger. Each entry is signed, so that whoever keeps the ledger
// can withhold what was said, and never forge it. Bytes: docs/protocol.md, "Ledger entries". Who may say
// what, and what it means: ports/ledger.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/keys/keys.h"
#include "base/result.h"
#include "core/protocol/aggregate_record.h"

namespace templar {

constexpr uint16_t kLedgerEntryVersion = 2;
constexpr size_t kMaxLedgerEntrySize = 512 << 10;  // bytes, signature included
static_assert(kMaxAggregateRecordSize < kMaxLedgerEntrySize - 1024);
constexpr size_t kMaxEntryTextBytes = 1024;
constexpr size_t kMaxWeights = 4096;
constexpr size_t kMaxAmendmentChanges = 64;

enum class NodeRole { kMiner, kValidator, kEvaluator };

// "miner", "validator", "evaluator": in measurements, on the log, as a verb of the program.
[[nodiscard]] constexpr std::string_view name_of(NodeRole role) {
  constexpr std::array<std::string_view, 3> kNames = {"miner", "validator", "evaluator"};
  return kNames[static_cast<size_t>(role)];
}

struct WeightEntry {
  uint32_t uid = 0;
  double weight = 0;  // finite, >= 0
  bool operator==(const WeightEntry&) const = default;
};

// A node: "I take part, and my objects are there."
struct RegistrationEntry {
  uint32_t uid = 0;
  NodeRole role = NodeRole::kMiner;
  std::string bucket;
  std::string store;
  bool operator==(const RegistrationEntry&) const = default;
};

// A validator: "that is what the miners are worth."
struct WeightsEntry {
  uint32_t uid = 0;                  // its own
  std::vector<WeightEntry> weights;  // ascending by uid
  bool operator==(const WeightsEntry&) const = default;
};

// A validator: "I am alive, and stand at the start of that window with that model."
struct HeartbeatEntry {
  uint32_t uid = 0;   // its own
  int64_t block = 0;  // the newest that it saw
  int64_t window = 0;
  int64_t outer_step = 0;
  Hash256 state_root;
  int64_t term = 0;      // that it follows
  std::string software;  // its version
  bool operator==(const HeartbeatEntry&) const = default;
};

// The owner: "that is how much this key counts."
struct StandingEntry {
  PublicKey subject;
  double stake = 0;  // finite, >= 0
  bool is_admitted = false;
  bool is_founder = false;  // may begin the run
  // A term with a greater number that the subject begins counts for nothing. Of who may lead: the largest
  // number there is.
  int64_t last_term = -1;
  int64_t last_timekeeper = -1;  // likewise, of timekeeper entries
  bool operator==(const StandingEntry&) const = default;
};

// A validator: "I lead from that window on."
struct TermEntry {
  int64_t number = 0;
  int64_t previous = -1;  // the number of the term that it follows; -1: it begins the run
  int64_t first_window = 0;
  int64_t outer_step = 0;  // before that window
  Hash256 state_root;      // at that window's start
  bool operator==(const TermEntry&) const = default;
};

// The owner: "this term is over."
struct TermEndEntry {
  int64_t number = 0;
  int64_t last_window = 0;  // what the term decides of later ones counts for nothing
  bool operator==(const TermEndEntry&) const = default;
};

// A leader: "this record decides this window."
struct DecisionEntry {
  int64_t window = 0;
  int64_t term = 0;
  Bytes record;  // as seal_aggregate_record makes it; what it says is looked at by who reads the entry
  bool operator==(const DecisionEntry&) const = default;
};

// A validator or the owner: "I make the blocks from that one on."
struct TimekeeperEntry {
  int64_t number = 0;
  int64_t first_block = 0;
  bool operator==(const TimekeeperEntry&) const = default;
};

// A timekeeper: "another block is made."
struct BlockEntry {
  int64_t number = 0;
  int64_t timekeeper = 0;  // the number of its entry
  TimestampMs time_ms = 0;
  Signature beacon;  // over the hash of the block before: see beacon_message
  bool operator==(const BlockEntry&) const = default;
};

// A registered node: "I work with that program since then."
struct StartEntry {
  uint32_t uid = 0;             // its own
  int64_t block = -1;           // the newest that there was; -1: none
  int64_t oldest_protocol = 0;  // that it speaks: see protocol_version.h
  int64_t newest_protocol = 0;  // likewise, not below that
  std::string software;         // its version
  bool operator==(const StartEntry&) const = default;
};

// The owner: "from that window on the run spec says that." What it may change: core/run/amendment.h.
struct AmendmentEntry {
  int64_t number = 0;  // 1, 2, ...
  Hash256 previous;    // amendment_hash() of the one before; of the first all 0
  int64_t first_window = 0;
  int64_t before_block = 0;          // it counts only if it was there before that block
  std::vector<std::string> changes;  // "FIELD=VALUE", at least one, ascending, none twice
  bool operator==(const AmendmentEntry&) const = default;
};

using EntryContent =
    std::variant<RegistrationEntry, WeightsEntry, HeartbeatEntry, StandingEntry, TermEntry, TermEndEntry,
                 DecisionEntry, TimekeeperEntry, BlockEntry, StartEntry, AmendmentEntry>;

struct LedgerEntry {
  Hash256 run_id;
  PublicKey author;
  // Grows with what one author says of one thing: of two entries the later one counts.
  int64_t sequence = 0;
  EntryContent content;
  bool operator==(const LedgerEntry&) const = default;
};

// The one encoding of this content, signed; entry.author is overwritten with the pair's key. The content must
// be legal (CHECK): see check_entry_content.
[[nodiscard]] Bytes seal_ledger_entry(LedgerEntry entry, const KeyPair& key);
// Strict: accepts exactly what seal_ledger_entry makes, signature included. Fails (skip) and names the field.
[[nodiscard]] Result<LedgerEntry> parse_ledger_entry(ByteView bytes);
// What each number, list and text of an entry must be by itself. Fails (fatal) and names it.
[[nodiscard]] Status check_entry_content(const EntryContent& content);

// What a timekeeper signs for a block's beacon. An Ed25519 signature is the same each time: its maker can't
// choose it, and nobody else knows it before. previous: the hash of the block before; all 0 for block 0.
[[nodiscard]] Bytes beacon_message(const Hash256& run_id, int64_t number, const Hash256& previous);
[[nodiscard]] Hash256 block_hash_of(const Signature& beacon);

// Names an amendment of that run, and through `previous` all before it. The entry must be legal (CHECK).
[[nodiscard]] Hash256 amendment_hash(const Hash256& run_id, const AmendmentEntry& entry);

}  // namespace templar
