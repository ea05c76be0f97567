// Reading aggregate records: the one that a decision names, wherever a copy of it lies, and a validator's
// own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/protocol/aggregate_record.h"
#include "core/scoring/peers.h"
#include "node/window/environment.h"

namespace templar {

struct SealedRecord {
  AggregateRecord record;
  Bytes bytes;  // as its leader sealed it
};

// The record whose hash a decision of that leader's names, from the first of the sources that has it: its
// bytes prove it, not its place. Fails (skip) if no source has it, or what has that hash is no record of that
// window and state by that leader; (retry) if a source that may have it was away.
[[nodiscard]] Result<SealedRecord> read_decided_record(const NodeEnvironment& environment,
                                                       std::span<const Registration> sources,
                                                       const PublicKey& leader, const Decision& decision);

// What that validator has made of the window, decided or not; nullopt if there is nothing. Fails (skip) if
// what is there is not a record that it made for this run and window, (retry) where the store was away.
[[nodiscard]] Result<std::optional<SealedRecord>> read_own_record(const NodeEnvironment& environment,
                                                                  const Registration& validator,
                                                                  int64_t window);

[[nodiscard]] PeerSelection selection_of(const AggregateRecord& record);
// Whether the record asks anybody. In a window that nobody could train in it asks nobody.
[[nodiscard]] bool asks_nobody(const AggregateRecord& record);

}  // namespace templar
