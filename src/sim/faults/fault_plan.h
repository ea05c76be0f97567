// What a seed makes of a network: who is in it, which faults it suffers, and when.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/keys/keys.h"
#include "core/run/run_spec.h"
#include "sim/faults/fault_kind.h"
#include "sim/faults/node_calls.h"

namespace templar {

// A fault that happens at a moment, not by chance at a call.
struct PlannedFault {
  TimestampMs at_ms = 0;
  FaultKind kind = FaultKind::kKilled;
  size_t node = 0;     // index into the network's nodes; of whom it is, where it is somebody's
  int64_t for_ms = 0;  // how long it lasts, where it does
  uint64_t lot = 0;    // decides what else there is to decide
  bool operator==(const PlannedFault&) const = default;
};

struct FaultPlan {
  uint64_t seed = 0;
  RunSpec spec;
  size_t validators = 0;
  size_t miners = 0;
  size_t evaluators = 0;
  std::vector<double> stakes;          // one a validator
  CallChances chances;                 // of every node's calls, while there are faults
  int64_t faulty_windows = 0;          // the first; then the faults end
  int64_t calm_windows = 0;            // after them
  std::vector<PlannedFault> timeline;  // ascending by moment
  // A wrong term that is begun after all has recovered: nobody has to wait for anything because of it.
  std::optional<PlannedFault> late_wrong_term;

  [[nodiscard]] size_t nodes() const { return validators + miners + evaluators; }
  [[nodiscard]] int64_t window_ms() const {
    return spec.network.blocks_per_window * spec.network.block_seconds * 1000;
  }
  // Until the run goes on after the faults have ended: a leader that is gone is missed, each validator in
  // rank has its turn, and then so many windows.
  [[nodiscard]] int64_t windows_to_recover() const {
    return spec.network.leader_loss_windows + static_cast<int64_t>(validators) + 3;
  }
  [[nodiscard]] TimestampMs calm_from_ms() const { return faulty_windows * window_ms(); }
  // Nodes stand in this order: validators, miners, evaluators.
  [[nodiscard]] bool is_validator(size_t node) const { return node < validators; }
  [[nodiscard]] bool is_miner(size_t node) const { return node >= validators && node < validators + miners; }
};

// The keys of a seed's network: its nodes', and its owner's.
[[nodiscard]] KeyPair simulated_key(uint64_t seed, size_t node);
[[nodiscard]] KeyPair simulated_owner(uint64_t seed);

struct FaultPlanOptions {
  int64_t faulty_windows = 24;
  bool without_faults = false;  // the same network, left in peace
};

// The same seed and options give the same plan on every machine. Each seed has only some kinds of faults,
// some seeds few and some many: what one kind would hide behind another shows somewhere.
[[nodiscard]] FaultPlan plan_faults(uint64_t seed, const FaultPlanOptions& options = {});

}  // namespace templar
