// How fast this machine trains: tokens a second, the share of its measured matrix-product peak, and where the
// time goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/run/run_spec.h"
#include "engine/engine.h"

namespace templar {

struct TrainBenchOptions {
  ModelSpec model;  // default_bench_model(), say
  int64_t batch = 8;
  int64_t sequence = 256;
  int threads = 2;
  Precision precision = Precision::kF32;
  int64_t micro_batch = 8;
  int64_t warmup_steps = 3;
  int64_t steps = 20;
};

struct TrainBenchPhase {
  std::string name;
  double seconds_a_step = 0;
};

struct TrainBenchReport {
  int64_t parameters = 0;
  Precision precision = Precision::kF32;  // as computed: f32 where the processor has no bf16
  double tokens_per_second = 0;           // at the median step's time
  double flops_a_token = 0;               // of matrix products, attention's visible half included
  double flops_per_second = 0;
  double peak_flops_per_second = 0;  // of the engine's own matrix products at a shape that suits them
  [[nodiscard]] double share_of_peak() const { return flops_per_second / peak_flops_per_second; }
  double seconds_a_step = 0;            // median
  std::vector<double> losses;           // of all steps, warm-up included
  std::vector<TrainBenchPhase> phases;  // means over the measured steps; the last one is what no phase claims
};

// 9 M parameters: vocabulary 8192, hidden 256, 6 layers, 8 heads, intermediate 704, own head.
[[nodiscard]] ModelSpec default_bench_model();

// Trains on random tokens from weights that scripts/bench_torch.py makes by the same formula, so that losses
// can be compared. Fails as make_cpu_engine and train_step do.
[[nodiscard]] Result<TrainBenchReport> run_train_bench(const TrainBenchOptions& options);

}  // namespace templar
