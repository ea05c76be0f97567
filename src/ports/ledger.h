// The ledger: who takes part, with what stake, what they are worth, who leads, what was decided, and what
// time it is. docs/decisions/0027-terms-and-decisions.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/keys/keys.h"
#include "base/result.h"
#include "core/protocol/aggregate_record.h"
#include "core/protocol/ledger_entry.h"
#include "core/protocol/protocol_version.h"
#include "core/run/amendment.h"

namespace templar {

struct Block {
  int64_t number = 0;
  TimestampMs time_ms = 0;  // the ledger's own time
  Hash256 hash;             // known to nobody before the block is made
  bool operator==(const Block&) const = default;
};

struct Registration {
  uint32_t uid = 0;
  NodeRole role = NodeRole::kMiner;
  PublicKey key;
  std::string bucket;  // where the node's objects are
  // Of the store that the bucket lies in, an S3 address (store_address.h) that says all that its readers
  // need; empty: the one that all nodes share.
  std::string store;
  double stake = 0;         // that the owner has given it; 0 of who is no validator
  bool is_removed = false;  // by the owner: nobody gathers from it, and it leads nothing
  bool is_founder = false;  // may begin the run
  bool operator==(const Registration&) const = default;
};

struct Heartbeat {
  uint32_t uid = 0;   // of a validator
  int64_t block = 0;  // the newest that it saw
  int64_t window = 0;
  int64_t outer_step = 0;
  Hash256 state_root;    // at the start of that window
  int64_t term = 0;      // that it follows
  std::string software;  // its version
  bool operator==(const Heartbeat&) const = default;
};

// The last start of a registered node that has said so.
struct NodeStart {
  uint32_t uid = 0;
  int64_t block = -1;  // the newest that there was; -1: none
  ProtocolRange protocol;
  std::string software;  // its version
  bool operator==(const NodeStart&) const = default;
};

// A term that somebody who may lead has begun. Whether it is in force: ports/term_chain.h.
struct Term {
  int64_t number = 0;
  int64_t previous = -1;  // the number of the term that it follows; -1: it begins the run
  PublicKey leader;
  int64_t first_window = 0;
  int64_t outer_step = 0;  // before that window
  Hash256 state_root;      // at that window's start
  // Where the owner has ended it: it decides none of the windows after this one.
  std::optional<int64_t> ended_after;
  bool operator==(const Term&) const = default;
};

// A leader's word of which record decides a window: the one that record.window names.
struct Decision {
  int64_t term = 0;
  AggregateRecord record;
  bool operator==(const Decision&) const = default;
};

// All calls are thread-safe and fail (retry) if the ledger could not be asked. What nobody entitled has
// signed is passed over as if it were not there.
class LedgerReader {
 public:
  virtual ~LedgerReader() = default;

  // The newest block; nothing before the first is made.
  [[nodiscard]] virtual Result<std::optional<Block>> latest_block() const = 0;
  // Nothing if no such block has been made yet.
  [[nodiscard]] virtual Result<std::optional<Block>> block(int64_t number) const = 0;
  // Ascending by uid. A key has one: of several the one with the lowest uid.
  [[nodiscard]] virtual Result<std::vector<Registration>> registrations() const = 0;
  // What a validator set last, ascending by uid; empty if it never did.
  [[nodiscard]] virtual Result<std::vector<WeightEntry>> weights(uint32_t validator_uid) const = 0;
  // The last of each validator, ascending by uid.
  [[nodiscard]] virtual Result<std::vector<Heartbeat>> heartbeats() const = 0;
  // Ascending by number.
  [[nodiscard]] virtual Result<std::vector<Term>> terms() const = 0;
  // What the leader of that term has decided of that window; nothing if it has not, or if the term does not
  // reach over it. What names no record of that run, window and leader decides nothing.
  [[nodiscard]] virtual Result<std::optional<Decision>> decision(int64_t window, int64_t term) const = 0;
  // What the owner has changed of the run spec, ascending by number. Read after a block was seen, it has all
  // that had to be there before that block, and so all that is in force in the window after the block's: what
  // counts later holds for later windows. What was once given stays.
  [[nodiscard]] virtual Result<std::vector<Amendment>> amendments() const = 0;

  // Grows with every entry. What is read afterwards is at least as new.
  [[nodiscard]] virtual Result<int64_t> revision() const = 0;
  // Waits until there is an entry since that revision, and tells whether there may be one: see
  // NoticeBoard::wait_for_change.
  [[nodiscard]] virtual bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const = 0;
};

// "node-" and the key's first 32 hexadecimal digits: the bucket of the node with that key, that nobody else
// can register.
[[nodiscard]] std::string bucket_of(const PublicKey& key);

// Makes blocks: one maker at a time.
class BlockMaker {
 public:
  virtual ~BlockMaker() = default;

  // Appends the next block (the first has number 0) with that time. Fails (fatal) if the time is before the
  // newest block's, or if somebody else makes the blocks now.
  [[nodiscard]] virtual Result<Block> make_block(TimestampMs time_ms) = 0;
};

}  // namespace templar
