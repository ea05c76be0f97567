// An evaluator: benchmarks every complete checkpoint once. It can write neither to the ledger nor to a store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>

#include "node/environment.h"
#include "node/replica.h"

namespace templar {

struct EvaluatorOptions {
  int threads = 1;
  int64_t heldout_samples = 128;        // at most that many, spread over the held-out set; 0: all
  std::optional<int64_t> until_window;  // finished once the checkpoint of this window is evaluated
  std::filesystem::path state_file;     // remembers which are done over restarts; empty: in memory only
};

// Mean loss over samples spread evenly over the held-out set [nats a predicted token], in batches of at most 16. Fails as the engine and
// the shards do.
[[nodiscard]] Result<EvaluationReport> evaluate_heldout(const ShardSource& shards, Engine& engine, int64_t max_samples);

class Evaluator {
 public:
  // All references must outlive it.
  Evaluator(const NodeEnvironment& environment, Engine& engine, const EvaluatorOptions& options);

  // Evaluates the oldest checkpoint that has not been; waits if there is none. A broken checkpoint is passed over with its reason.
  [[nodiscard]] Result<Progress> advance();

 private:
  [[nodiscard]] Status load_state();
  [[nodiscard]] Status mark_done(int64_t window);
  [[nodiscard]] Status evaluate(const Registration& leader, int64_t window);

  const NodeEnvironment& environment_;
  const EvaluatorOptions options_;
  Replica replica_;
  std::set<int64_t> done_;
  bool started_ = false;
};

}  // namespace templar
