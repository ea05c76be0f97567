// Which checkpoints count: a signature says who made a model, not that it is the run's.
#pragma once

#include "formats/checkpoint/manifest.h"
#include "node/window/leadership.h"

namespace templar {

// A checkpoint counts, whoever made it, if the decision of its window names its root and outer steps, or if
// validators with more than half of all stake have said its root for that window: its signer, and others by
// their heartbeats. Success if this one does. Fails (skip) with the reason if not, (retry) where the ledger
// was away.
[[nodiscard]] Status check_counts(const NodeEnvironment& environment, const ChainView& view,
                                  const CheckpointManifest& manifest);

}  // namespace templar
