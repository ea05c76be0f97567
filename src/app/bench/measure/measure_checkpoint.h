// What a checkpoint costs: the pause it puts into training, saving and loading beside the disk's own speed,
// memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "app/bench/measure/memcpy_time.h"
#include "base/result.h"
#include "core/run/run_spec.h"

namespace templar {

struct CheckpointBenchOptions {
  ModelSpec model;
  std::filesystem::path folder;  // an empty one on the disk that is measured
  uint64_t shard_bytes = 0;
  int threads = 2;
  int rounds = 3;
  std::function<void(const std::string& what)> on_step;  // may be empty
};

// Seconds: the best of all rounds.
struct CheckpointBenchReport {
  int64_t model_bytes = 0;
  MemcpySeconds memcpy;
  double pause_seconds = 0;       // copying the window's start, after which training goes on
  double disk_write_seconds = 0;  // the same bytes, one file, one thread, synced, nothing else done
  double disk_read_seconds = 0;   // nothing of them in the system's memory
  double save_seconds = 0;        // hashed, synced, manifest written
  double load_seconds = 0;        // as above; every byte checked
  double copy_seconds = 0;        // from one folder to another, every piece checked
  // The process' own memory over what it had with the model in it.
  int64_t save_memory_bytes = 0;
  int64_t load_memory_bytes = 0;
};

[[nodiscard]] Result<CheckpointBenchReport> run_checkpoint_bench(const CheckpointBenchOptions& options);

}  // namespace templar
