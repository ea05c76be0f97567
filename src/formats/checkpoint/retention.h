// Which checkpoints stay in a bucket.
#pragma once

#include <cstdint>
#include <vector>

#include "ports/object_store.h"

namespace templar {

struct CheckpointRetention {
  int64_t keep_last = 8;   // the newest ones, at least 1
  int64_t keep_every = 0;  // and all whose window is a multiple of it; 0: no others
};

// Those of the windows that may go, ascending.
[[nodiscard]] std::vector<int64_t> expired_checkpoints(std::vector<int64_t> windows,
                                                       const CheckpointRetention& retention);

// Removes expired checkpoints, each one's manifest first, so that nobody sees a part of one; and what is left
// of uploads and removals that were cut short, where it is older than the newest checkpoint. Fails as the
// store does; repeating it goes on.
[[nodiscard]] Status remove_expired_checkpoints(ObjectStore& store, std::string_view bucket,
                                                const CheckpointRetention& retention);

}  // namespace templar
