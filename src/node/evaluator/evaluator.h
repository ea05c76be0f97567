// An evaluator: benchmarks the initial model, and then every complete checkpoint that counts once, whichever
// validator has it. It can write neither to the ledger nor to a store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "evaluation/heldout.h"
#include "evaluation/task.h"
#include "node/window/leadership.h"
#include "node/window/replica.h"
#include "node/window/window_timeline.h"

namespace templar {

// Windows first to last, both included.
struct WindowRange {
  int64_t first = 0;
  int64_t last = 0;
  [[nodiscard]] bool contains(int64_t window) const { return first <= window && window <= last; }
};
// "FROM:TO"; without FROM from 0 on, without TO to the newest. Fails (fatal) on anything else, and where FROM
// comes after TO.
[[nodiscard]] Result<WindowRange> parse_window_range(std::string_view text);

struct EvaluatorOptions {
  int threads = 1;
  int64_t heldout_samples = 128;  // at most that many, spread over the held-out set; 0: all
  // Finished once the checkpoint of this window is evaluated, or passed over.
  std::optional<int64_t> until_window;
  std::filesystem::path state_file;     // remembers which are done over restarts; empty: in memory only
  bool force = false;                   // evaluate again what the state file has as done
  std::optional<WindowRange> backfill;  // only what there is of these windows, then finished
  // Must outlive the evaluator; without one there are no bits per byte and no tasks.
  const Tokenizer* tokenizer = nullptr;
  std::vector<Task> tasks;  // needs the tokenizer
  int64_t mmlu_every = 1;   // MMLU in the first evaluation and in every so many-th after it
};

class Evaluator {
 public:
  // All references must outlive it.
  Evaluator(const NodeEnvironment& environment, Engine& engine, EvaluatorOptions options);

  // Evaluates the oldest checkpoint that has not been evaluated; waits if there is none. Window 0 is the
  // initial model, whether or not there is a checkpoint of it. A checkpoint that is incomplete or broken is
  // passed over with its reason on the log, and tried again when its files change.
  [[nodiscard]] Result<Progress> advance();

 private:
  struct Evaluated;  // a model that is in the engine

  [[nodiscard]] bool is_finished() const;
  // A checkpoint to be evaluated, and the validator that has it; nullopt: the initial model, of which there
  // is none.
  struct Due {
    int64_t window = 0;
    std::optional<Registration> source;
  };
  [[nodiscard]] Result<std::vector<Due>> list_due(const ChainView& view) const;
  [[nodiscard]] Result<std::optional<Due>> next_due(const ChainView& view) const;
  [[nodiscard]] Result<std::string> files_of(const Due& due) const;
  [[nodiscard]] Result<Evaluated> load(const Due& due);
  [[nodiscard]] Status evaluate(const Evaluated& model);
  [[nodiscard]] Status report_heldout(const Evaluated& model);
  [[nodiscard]] Result<std::vector<double>> report_tasks(const Evaluated& model);
  [[nodiscard]] Measurement measurement(MeasurementName name, const Evaluated& model) const;
  [[nodiscard]] Status load_state();
  [[nodiscard]] Status mark_done(int64_t window);

  const NodeEnvironment& environment_;
  const EvaluatorOptions options_;
  Replica replica_;
  WindowTimeline timeline_;
  // Evaluated by this evaluator or, as the state file says, before.
  std::set<int64_t> remembered_;
  std::set<int64_t> done_;                      // not to be evaluated any more
  std::map<int64_t, std::string> passed_over_;  // window → files_of() it when it was tried
  int64_t evaluations_ = 0;
  bool started_ = false;
};

}  // namespace templar
