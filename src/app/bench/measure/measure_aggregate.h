// How fast contributions become a step, and how much memory that takes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/memcpy_time.h"
#include "base/result.h"
#include "core/run/run_spec.h"

namespace templar {

// A miner's pseudo-gradient by its number; all of one layout.
using GradientSource = std::function<Result<BenchGradient>(int number)>;

struct AggregateBenchOptions {
  ParameterLayout layout;
  GradientSource gradient;      // of that layout
  int different_gradients = 8;  // contributions beyond carry one of them again, under their own uid
  RunSpec spec;                 // codec (use_dct is set to both), aggregation rule and rate
  int contributions = 8;
  int threads = 2;
  int rounds = 5;
  // The growth of time and memory with the number of contributions is measured on a smaller model; empty: not
  // at all.
  ParameterLayout growth_layout;
  std::vector<int> growth_counts = {8, 64, 512};
  std::function<void(const std::string& what)> on_step;  // may be empty
};

struct GrowthPoint {
  int contributions = 0;
  int64_t kept = 0;               // values in all contributions
  double seconds = 0;             // of an outer step
  int64_t peak_memory_bytes = 0;  // of the process, mapped files left out, over what it had before
};

struct AggregateBenchReport {
  int64_t parameters = 0;
  int64_t kept = 0;  // values in all contributions
  MemcpySeconds memcpy;
  double plain_seconds = 0;  // decode, aggregate, outer step: the best of all rounds
  double dct_seconds = 0;
  double parse_seconds = 0;  // of one contribution: hash, signature, every block checked; on one thread
  int64_t growth_parameters = 0;
  std::vector<GrowthPoint> growth;
};

[[nodiscard]] Result<AggregateBenchReport> run_aggregate_bench(const AggregateBenchOptions& options);

}  // namespace templar
