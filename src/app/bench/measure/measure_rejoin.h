// How fast a node that was away is in sync again, beside the least that this takes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/run/run_spec.h"

namespace templar {

struct RejoinBenchOptions {
  RunSpec spec;                                          // model, codec and outer step
  std::filesystem::path folder;                          // where the object store is made
  int contributions = 8;                                 // accepted in each window
  int threads = 2;                                       // of the node
  int rounds = 3;                                        // of which the best counts
  std::vector<int64_t> away = {1, 10, 50};               // windows since the checkpoint
  std::function<void(const std::string& what)> on_step;  // may be empty
};

struct RejoinPoint {
  int64_t windows = 0;
  double load_seconds = 0;      // the checkpoint, every hash and the state root checked
  double decode_seconds = 0;    // of all windows: records and contributions read and parsed
  double step_seconds = 0;      // of all windows: outer steps and state roots
  double catch_up_seconds = 0;  // the whole catch-up
  int64_t memory_bytes = 0;     // the process' own, at most, while catching up, over what it had before
  bool in_sync = false;         // the same root as the leader's, each time

  // What it takes one after the other.
  [[nodiscard]] double expected_seconds() const { return load_seconds + decode_seconds + step_seconds; }
};

struct RejoinBenchReport {
  int64_t parameters = 0;
  int64_t contribution_bytes = 0;  // of one
  std::vector<RejoinPoint> points;
};

// A made-up run: a checkpoint of its first window, a record and contributions of each further one, in a file
// store. For each number of windows, in turn: everything that a catch-up needs, one after the other and
// timed, and a catch-up. Fails as store and engine do.
[[nodiscard]] Result<RejoinBenchReport> run_rejoin_bench(const RejoinBenchOptions& options);

}  // namespace templar
