#include "node/evaluator/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/check.h"
#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/checkpoint/checkpoint_loader.h"
#include "node/catch_up/checkpoint_trust.h"
#include "node/catch_up/first_model.h"
#include "node/evaluator/evaluated_windows.h"
#include "ports/metric_fields.h"

namespace templar {
namespace {

constexpr int64_t kBaselineWindow = 0;
constexpr NodeName kSelf{name_of(NodeRole::kEvaluator), 0};  // evaluators have no uid

std::optional<int64_t> parse_window(std::string_view text) {
  int64_t window = 0;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), window);
  const bool whole = error == std::errc() && last == text.data() + text.size() && window >= 0;
  return whole ? std::optional(window) : std::nullopt;
}

}  // namespace

Result<WindowRange> parse_window_range(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view from = text.substr(0, colon);
  const std::string_view to = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const auto first = from.empty() ? std::optional<int64_t>(0) : parse_window(from);
  const auto last = to.empty() ? std::optional(std::numeric_limits<int64_t>::max()) : parse_window(to);
  if (colon == std::string_view::npos || !first || !last || (from.empty() && to.empty())) {
    return fatal_error(
        fmt::format("windows '{}': must be FROM:TO, FROM: or :TO, two numbers of windows", text));
  }
  if (*first > *last) {
    return fatal_error(
        fmt::format("windows '{}': the first comes after the last; {}:{} names the windows between them",
                    text, *last, *first));
  }
  return WindowRange{*first, *last};
}

struct Evaluator::Evaluated {
  int64_t window = 0;
  int64_t outer_step = 0;
  double load_seconds = 0;
};

Evaluator::Evaluator(const NodeEnvironment& environment, Engine& engine, EvaluatorOptions options)
    : environment_(environment),
      options_(std::move(options)),
      replica_(environment, engine, options_.threads) {
  CHECK(options_.tasks.empty() || options_.tokenizer != nullptr);
  CHECK(options_.mmlu_every >= 1);
}

bool Evaluator::is_finished() const {
  if (!options_.until_window) return false;
  return done_.contains(*options_.until_window) || passed_over_.contains(*options_.until_window);
}

Result<Progress> Evaluator::advance() {
  if (!started_) {
    TRY(load_state());
    started_ = true;
  }
  if (is_finished()) return Progress::kFinished;
  TRY_ASSIGN(const ChainView view, look_at_ledger(environment_));
  TRY_ASSIGN(const std::optional<Due> due, next_due(view));
  if (!due) {
    return options_.backfill && !view.chain.empty() ? Progress::kFinished : Progress::kAwaitsObject;
  }
  const int64_t window = due->window;
  // Listed before the loading: a file that arrives meanwhile then counts as a change and is a reason to try
  // again.
  TRY_ASSIGN(const std::string files, files_of(*due));
  const Stopwatch watch;
  const auto model = load(*due);
  const Status evaluated = model ? evaluate(*model) : std::unexpected(model.error());
  TRY(fail_unless_skip(evaluated));
  timeline_.add("evaluate", watch);
  timeline_.report(kSelf, window, environment_);
  environment_.metrics.flush();  // before the checkpoint is marked as done: it is never reported again
  if (evaluated) {
    TRY(mark_done(window));
    return Progress::kWorked;
  }
  log(LogLevel::kWarning, "evaluator", "checkpoint passed over",
      {{"window", window}, {"reason", evaluated.error().message}});
  passed_over_[window] = files;
  return Progress::kWorked;
}

// The checkpoints that are not done, each at the first validator that has one that counts, or else one that
// can't be used; ascending. The initial model always is one, whether or not there is a checkpoint of it.
Result<std::vector<Evaluator::Due>> Evaluator::list_due(const ChainView& view) const {
  std::map<int64_t, Due> counting;
  std::map<int64_t, Due> unusable;
  Status away;
  for (const Registration& source : sources_of(view, view.chain.empty() ? nullptr : &view.chain.back())) {
    const auto windows = list_checkpoints(environment_.store, source.bucket);
    if (!windows && windows.error().kind == ErrorKind::kFatal) return std::unexpected(windows.error());
    if (!windows) away = std::unexpected(windows.error());
    if (!windows) continue;
    for (const int64_t window : *windows) {
      if (done_.contains(window) || counting.contains(window)) continue;
      const auto manifest =
          read_expected_manifest(checkpoint_in_store(environment_.store, source.bucket, window), window,
                                 {environment_.layout, environment_.run_id, source.key});
      if (!manifest) unusable.try_emplace(window, Due{window, source});
      if (!manifest) continue;
      const Status counts = check_counts(environment_, view, *manifest);
      TRY(fail_unless_skip(counts));
      if (counts) counting.try_emplace(window, Due{window, source});
    }
  }
  counting.merge(unusable);
  // Whoever can't be asked may have more.
  if (counting.empty()) TRY(away);
  if (!done_.contains(kBaselineWindow)) counting.try_emplace(kBaselineWindow, Due{kBaselineWindow, {}});
  std::vector<Due> all;
  for (auto& [window, due] : counting) all.push_back(std::move(due));
  return all;
}

Result<std::optional<Evaluator::Due>> Evaluator::next_due(const ChainView& view) const {
  TRY_ASSIGN(std::vector<Due> all, list_due(view));
  for (Due& due : all) {
    if (options_.backfill && !options_.backfill->contains(due.window)) continue;
    if (const auto before = passed_over_.find(due.window); before != passed_over_.end()) {
      TRY_ASSIGN(const std::string files, files_of(due));
      if (files == before->second) continue;
    }
    return std::move(due);
  }
  return std::nullopt;
}

// The files that would be loaded, as the store's listing has them: names, sizes and times.
Result<std::string> Evaluator::files_of(const Due& due) const {
  if (!due.source) return std::string();
  TRY_ASSIGN(const std::vector<ObjectInfo> objects,
             environment_.store.list(due.source->bucket, checkpoint_prefix(due.window)));
  std::string files = due.source->bucket;
  for (const ObjectInfo& object : objects) {
    files += fmt::format("\n{} {} {}", object.key, object.size_bytes, object.stored_at_ms);
  }
  return files;
}

Result<Evaluator::Evaluated> Evaluator::load(const Due& due) {
  const Stopwatch watch;
  if (!due.source) {
    TRY(begin_first_model(environment_, replica_, kBaselineWindow));
    return Evaluated{kBaselineWindow, 0, watch.seconds()};
  }
  CheckpointInfo info;
  TRY(replica_.load([&](ParameterSpans parameters) -> Status {
    TRY_ASSIGN(info, load_checkpoint(environment_.store, due.source->bucket, due.window,
                                     {environment_.layout, environment_.run_id, due.source->key}, parameters,
                                     replica_.team()));
    return {};
  }));
  TRY(replica_.begin_loaded(info.window, info.outer_step, info.start_window));
  return Evaluated{info.window, info.outer_step, watch.seconds()};
}

Status Evaluator::evaluate(const Evaluated& model) {
  const Stopwatch watch;
  TRY(report_heldout(model));
  const double heldout_seconds = watch.seconds();
  TRY_ASSIGN(const std::vector<double> scores, report_tasks(model));
  Measurement summary = measurement("benchmark_summary", model);
  add_fields(summary, {{"num_tasks", static_cast<int64_t>(scores.size())},
                       {"mean_score", mean_of(scores)},
                       {"load_s", model.load_seconds},
                       {"heldout_s", heldout_seconds},
                       {"tasks_s", watch.seconds() - heldout_seconds},
                       {"benchmark_runtime_s", model.load_seconds + watch.seconds()}});
  environment_.metrics.write(std::move(summary));
  return {};
}

Status Evaluator::report_heldout(const Evaluated& model) {
  const Stopwatch watch;
  TRY_ASSIGN(const HeldoutReport report, evaluate_heldout(environment_.shards, replica_.engine(),
                                                          options_.heldout_samples, options_.tokenizer));
  Measurement metrics = measurement("benchmark_metrics", model);
  add_fields(metrics, {{"heldout_loss", report.mean_loss()},
                       {"heldout_tokens", report.predicted_tokens},
                       {"perplexity", report.perplexity()},
                       {"seconds", watch.seconds()},
                       {"state_root", replica_.state_root().hex()}});
  if (options_.tokenizer != nullptr) {
    add_fields(metrics,
               {{"heldout_bytes", report.predicted_bytes}, {"bits_per_byte", report.bits_per_byte()}});
  }
  environment_.metrics.write(std::move(metrics));
  return {};
}

Result<std::vector<double>> Evaluator::report_tasks(const Evaluated& model) {
  std::vector<double> scores;
  for (const Task& task : options_.tasks) {
    if (task.kind == TaskKind::kMmlu && evaluations_ % options_.mmlu_every != 0) continue;
    const Stopwatch watch;
    TRY_ASSIGN(const TaskScore score, score_task(task, *options_.tokenizer, replica_.engine(),
                                                 environment_.spec.inner.sequence_length));
    const TaskForm& form = task_form(task.kind);
    Measurement result = measurement("benchmark_task", model);
    result.tags["task"] = form.name;
    result.tags["metric"] = form.has_acc_norm ? "acc_norm,none" : "acc,none";
    add_fields(result, {{"score", score.score()},
                        {"score_stderr", score.standard_error()},
                        {"acc", score.acc},
                        {"count", score.questions},
                        {"left_out", task.left_out},
                        {"num_fewshot", task.example_count},
                        {"seconds", watch.seconds()}});
    if (form.has_acc_norm) add_fields(result, {{"acc_norm", score.acc_norm}, {"acc_bytes", score.acc_bytes}});
    environment_.metrics.write(std::move(result));
    scores.push_back(score.score());
  }
  return scores;
}

// The tags and fields that all measurements of an evaluation have. The reference system has window and step
// as tags, where a database can't calculate with them: so they are fields too.
Measurement Evaluator::measurement(MeasurementName name, const Evaluated& model) const {
  Measurement measurement = node_measurement(name, kSelf, environment_,
                                             {{"window", model.window}, {"global_step", model.outer_step}});
  measurement.tags["window"] = std::to_string(model.window);
  measurement.tags["global_step"] = std::to_string(model.outer_step);
  return measurement;
}

Status Evaluator::load_state() {
  TRY_ASSIGN(remembered_, read_evaluated_windows(options_.state_file));
  // Counted over restarts, so that MMLU keeps its rhythm.
  evaluations_ = static_cast<int64_t>(remembered_.size());
  if (!options_.force) done_ = remembered_;
  return {};
}

Status Evaluator::mark_done(int64_t window) {
  ++evaluations_;
  done_.insert(window);
  passed_over_.erase(window);
  remembered_.insert(window);
  return write_evaluated_windows(options_.state_file, remembered_);
}

}  // namespace templar
