// The model that a run begins with.
#pragma once

#include "node/window/replica.h"

namespace templar {

// Puts the run's first model into the replica, as the start of that window: the weights of the checkpoint
// that the run spec names (bootstrap), or else the initialised model. Fails (fatal) where the checkpoint is
// not what the spec says, (retry) where the store was away; the replica is then not begun.
[[nodiscard]] Status begin_first_model(const NodeEnvironment& environment, Replica& replica, int64_t window);

}  // namespace templar
