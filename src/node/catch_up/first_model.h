// The model that a run begins with.
#pragma once

#include "node/window/environment.h"
#include "node/window/replica.h"

namespace templar {

// The weights of the checkpoint that the run spec names (bootstrap), or else the initialised model, as the
// start of that window. Fails (fatal) where the checkpoint is not what the spec says, (retry) where the store
// was away; the replica is then not begun.
[[nodiscard]] Status begin_first_model(const NodeEnvironment& environment, Replica& replica, int64_t window);

}  // namespace templar
