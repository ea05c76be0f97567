// The leader's signed record of a window: which contributions count, by content hash, and who was rejected
// and why. Together with the contributions it names and the model at the window's start it decides the next
// model; clip factors follow from the contributions and are not in it
// (docs/decisions/0003-records-name-hashes.md). Bytes: docs/protocol.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/keys/keys.h"
#include "core/protocol/verdict.h"
#include "core/run/amendment.h"

namespace templar {

// The second names amendments, so that runs without any have records as before.
constexpr uint16_t kAggregateRecordVersion = 1;
constexpr uint16_t kAmendedRecordVersion = 2;
constexpr size_t kMaxRecordPeers = 1024;  // in each of the four lists
constexpr size_t kMaxRejectionTextBytes = 200;

struct AcceptedContribution {
  uint32_t uid = 0;
  Hash256 content_hash;
  int64_t size_bytes = 0;
  bool operator==(const AcceptedContribution&) const = default;
};

struct RejectedContribution {
  uint32_t uid = 0;
  Verdict verdict;  // not kAccepted
  bool operator==(const RejectedContribution&) const = default;
};

struct AggregateRecord {
  Hash256 run_id;
  int64_t window = 0;      // >= 0
  int64_t outer_step = 0;  // outer steps done before this window, >= 0
  Hash256 state_root;      // at the window's START, before this record is applied
  // In force in this window, in order of preference; no uid twice in the two lists.
  std::vector<uint32_t> gather_peers;
  std::vector<uint32_t> reserve_peers;
  std::vector<AcceptedContribution> accepted;  // ascending uid; empty in a null round
  std::vector<RejectedContribution> rejected;  // ascending uid, none that was accepted
  PublicKey leader;
  AmendmentsInForce amendments;  // in this window; the number is >= 0, and without any the hash is all 0

  bool operator==(const AggregateRecord&) const = default;
};

// The one encoding of this content, signed; record.leader is overwritten with the pair's key. Rejection texts
// are cut to kMaxRejectionTextBytes and what is not printable ASCII becomes '?'. Lists must be as described
// above (CHECK).
[[nodiscard]] Bytes seal_aggregate_record(AggregateRecord record, const KeyPair& key);

// Strict: accepts exactly what seal_aggregate_record makes, signature included. Fails (skip) and names the
// field and the number.
[[nodiscard]] Result<AggregateRecord> parse_aggregate_record(ByteView bytes);

struct ExpectedRecord {
  Hash256 run_id;
  int64_t window = 0;
  PublicKey leader;
  std::optional<Hash256> state_root;  // where the reader has the model at the window's start
};
// Fails (skip) with the first field that differs: another run's, another window's (replayed), not the
// leader's, another state.
[[nodiscard]] Status check_aggregate_record(const AggregateRecord& record, const ExpectedRecord& expected);

// The largest legal size in bytes: a reader fetches no more than that.
constexpr size_t kMaxAggregateRecordSize =
    4 + 2 + 32 + 8 + 8 + 32 + 32 + (8 + 32) + 4 * 2 +
    kMaxRecordPeers * (4 + 4 + (4 + 32 + 8) + (4 + 1 + 1 + kMaxRejectionTextBytes)) + 64;

}  // namespace templar
