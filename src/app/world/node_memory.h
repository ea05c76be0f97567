// What a node of each role holds in memory, counted before anything is allocated.
#pragma once

#include "core/run/run_spec.h"
#include "engine/model/engine_memory.h"
#include "ports/ledger.h"

namespace templar {

// Its engine's memory, and what the node keeps beside it; on_card: the engine's is the card's, and the host
// has copies of what is exchanged. Not counted: the program itself, the shard and the contributions, which
// are mapped files, and text that is generated. options.use follows from the role. The spec has been
// validated.
struct NodeMemory {
  EngineMemory engine;
  EngineMemory beside;
};
[[nodiscard]] NodeMemory node_memory(const RunSpec& spec, NodeRole role, EngineOptions options, bool on_card);

}  // namespace templar
