// What a node says when its model was not the run's.
#pragma once

#include <cstdint>

#include "core/consensus/state_root.h"
#include "node/window/environment.h"

namespace templar {

// A model that differed from the one that was decided, kept as the hashes of its blocks until the right one
// is there to compare with.
struct Divergence {
  int64_t window = 0;  // at whose start it was seen
  StateTree ours;
  Hash256 decided;  // root, as the decision or the term of that window names it
};

// Names the first parameter block in which the diverged model differed from the right one, and says in how
// many they differ: on the log, and as a measurement "model_divergence". healed: the tree of the right model
// at the start of the same window, whose root is the decided one.
void report_healed(const NodeEnvironment& environment, const NodeName& node, const Divergence& divergence,
                   const StateTree& healed);

}  // namespace templar
