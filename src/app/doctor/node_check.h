// Everything that a node needs before it joins a run, looked at with the code that the node uses.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "app/store/store_check.h"
#include "app/world/node_world.h"
#include "app/world/watch.h"
#include "base/clock.h"
#include "ports/ledger.h"

namespace templar {

// What the machine has for this process.
struct MachineRoom {
  int processors = 1;
  std::optional<int64_t> memory_bytes;  // nullopt: nobody knows
};
[[nodiscard]] MachineRoom this_machine();

struct NodeCheckOptions {
  StoreCheckOptions store;
  MachineRoom machine;
};

// Run spec, key, data, ledger, registration and clocks, store (check_store), state folder, disks, metrics
// file, memory, threads, what computes the model, and an evaluator's questions. Each property is also handed
// to `seen` at once. Nothing stays that this has made: no
// node is registered, no folder is made, a store's folder that is not there is not written to. A ledger of
// another version is bad, and stays as it is. What depends on something that is bad is left out.
[[nodiscard]] std::vector<CheckedProperty> check_node(
    NodeRole role, const NodeConfig& config, const NodeCheckOptions& options, const Clock& clock,
    const std::function<void(const CheckedProperty&)>& seen);

}  // namespace templar
