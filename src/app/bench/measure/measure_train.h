// How fast this machine trains: tokens a second, the share of its measured matrix-product peak, and where the
// time goes.
#pragma once

#include <cstdint>
#include <optional>
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
  // On the CPU, not on a card: another precision, each of whose steps is measured right after one of the
  // first's.
  std::optional<Precision> beside;
  // The card to train on, as CUDA numbers them; none: the CPU. Threads then make the weights, no more.
  std::optional<int> card;
  bool deterministic = true;      // on a card
  bool recompute_layers = false;  // on a card
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
  std::string card;                  // its name; empty: the CPU
  double copy_bytes_per_second = 0;  // on a card: of its memory, read and written
  double state_root_seconds = 0;     // on a card: of hashing the parameters there
  [[nodiscard]] double share_of_peak() const { return flops_per_second / peak_flops_per_second; }
  double seconds_a_step = 0;            // median
  std::vector<double> losses;           // of all steps, warm-up included
  std::vector<TrainBenchPhase> phases;  // means over the measured steps; the last one is what no phase claims
  // A step's time over that of the step beside it, median; 0 without one.
  double time_beside = 0;
};

// 9 M parameters: vocabulary 8192, hidden 256, 6 layers, 8 heads, intermediate 704, own head.
[[nodiscard]] ModelSpec default_bench_model();

// Of matrix products, forward and backward, attention's visible half included.
[[nodiscard]] double train_flops_a_token(const ModelSpec& model, int64_t sequence);

// Trains on random tokens from weights that scripts/bench_torch.py makes by the same formula, so that losses
// can be compared. Fails as make_cpu_engine, make_cuda_engine and train_step do.
[[nodiscard]] Result<TrainBenchReport> run_train_bench(const TrainBenchOptions& options);

}  // namespace templar
