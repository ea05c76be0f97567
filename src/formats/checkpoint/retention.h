// Which checkpoints stay in a bucket: by number, by age, and some for ever. Each rule keeps what it keeps,
// whatever the others say.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "ports/object_store.h"

namespace templar {

struct CheckpointRetention {
  int64_t keep_last = 8;   // the newest ones, at least 1
  int64_t keep_every = 0;  // and all whose window is a multiple of it; 0: no others
  // And those that were stored less than so long before the newest one, by the store's clock, so that whoever
  // has begun to fetch one can end it; 0: no others.
  int64_t keep_hours = 0;
};

struct StoredCheckpoint {
  int64_t window = 0;
  TimestampMs stored_at_ms = 0;  // its manifest, which comes last
};

// The windows of those that may go, ascending. The newest one never does.
[[nodiscard]] std::vector<int64_t> expired_checkpoints(std::vector<StoredCheckpoint> checkpoints,
                                                       const CheckpointRetention& retention);

// Removes expired checkpoints, each one's manifest first, so that nobody sees a part of one; and what is left
// of uploads and removals that were cut short, where it is older than the newest checkpoint. Fails as the
// store does; repeating it goes on.
[[nodiscard]] Status remove_expired_checkpoints(ObjectStore& store, std::string_view bucket,
                                                const CheckpointRetention& retention);

}  // namespace templar
