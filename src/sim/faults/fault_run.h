// A whole network from one seed: the nodes' own code in virtual time, everything that can fail around it, and
// rules that must hold whatever fails.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "sim/faults/fault_log.h"
#include "sim/faults/fault_plan.h"

namespace templar {

struct FaultRunOptions {
  FaultPlanOptions plan;
  bool real_engine = false;           // the processor's, instead of the toy
  std::filesystem::path folder;       // of this run alone, empty: what the nodes keep on their disks
  FaultLog::Listener on_line;         // each line of the trace; may be empty
  std::function<bool()> should_stop;  // asked once a block; may be empty
};

struct FaultRunReport {
  bool stopped = false;  // by should_stop
  int64_t windows = 0;   // that the ledger has entered
  int64_t decided_windows = 0;
  int64_t null_rounds = 0;
  double virtual_seconds = 0;
  int64_t calls = 0;       // of stores and the ledger, by all nodes
  int64_t lives = 0;       // of all nodes; each begins with a start
  bool is_lost = false;    // faults took every copy of something that the run needs
  int64_t fatal_ends = 0;  // lives that ended since a person had to act
  FaultCounts faults{};
  std::vector<std::string> failures;  // the rules that did not hold; empty: all did
};

// One at a time in a process, since the log is the process': its events go to the trace. The same seed and
// options give the same trace on the same machine, byte for byte. Stops soon after the first failure. Fails
// (fatal) where the folder can't be used.
[[nodiscard]] Result<FaultRunReport> run_with_faults(uint64_t seed, const FaultRunOptions& options);

}  // namespace templar
