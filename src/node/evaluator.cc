#include "node/evaluator.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/file.h"
#include "base/log.h"
#include "node/checkpoint/checkpoint.h"
#include "node/reports.h"
#include "node/roster.h"
#include "node/window_samples.h"

namespace templar {
namespace {

constexpr int64_t kBatch = 16;
constexpr size_t kMaxStateBytes = size_t{1} << 24;

}  // namespace

Result<EvaluationReport> evaluate_heldout(const ShardSource& shards, Engine& engine, int64_t max_samples) {
  TRY_ASSIGN(const Shard shard, shards.open_heldout());
  const auto available = static_cast<int64_t>(shard.sample_count());
  const int64_t wanted = max_samples == 0 ? available : std::min(max_samples, available);
  EvaluationReport total;
  for (int64_t first = 0; first < wanted; first += kBatch) {
    SampleTokens samples{.tokens = {}, .sequence_length = static_cast<int64_t>(shard.sequence_length())};
    for (int64_t i = first; i < std::min(first + kBatch, wanted); ++i) {
      const auto sample = shard.sample(static_cast<uint64_t>(i * available / wanted));
      samples.tokens.insert(samples.tokens.end(), sample.begin(), sample.end());
    }
    TRY_ASSIGN(const EvaluationReport part, engine.evaluate(samples.batch()));
    total.loss_sum += part.loss_sum;
    total.predicted_tokens += part.predicted_tokens;
  }
  return total;
}

Evaluator::Evaluator(const NodeEnvironment& environment, Engine& engine, const EvaluatorOptions& options)
    : environment_(environment), options_(options), replica_(environment, engine, options.threads) {}

Result<Progress> Evaluator::advance() {
  if (!started_) {
    TRY(load_state());
    started_ = true;
  }
  if (options_.until_window && done_.contains(*options_.until_window)) return Progress::kFinished;
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  const std::optional<Registration> leader = leader_of(roster);
  if (!leader) return Progress::kWaiting;
  TRY_ASSIGN(const std::vector<int64_t> windows, list_checkpoints(environment_.store, leader->bucket));
  const auto next = std::ranges::find_if(windows, [this](int64_t window) { return !done_.contains(window); });
  if (next == windows.end()) return Progress::kWaiting;
  const Status evaluated = evaluate(*leader, *next);
  if (!evaluated && evaluated.error().kind != ErrorKind::kSkip) return std::unexpected(evaluated.error());
  if (!evaluated) {
    log(LogLevel::kWarning, "evaluator", "checkpoint passed over", {{"window", *next}, {"reason", evaluated.error().message}});
  }
  environment_.metrics.flush();  // a checkpoint that is marked as done must have been reported
  TRY(mark_done(*next));
  return Progress::kWorked;
}

Status Evaluator::evaluate(const Registration& leader, int64_t window) {
  TRY_ASSIGN(const CheckpointInfo info,
             load_checkpoint(environment_.store, leader.bucket, window,
                             {environment_.spec, environment_.layout, environment_.run_id, leader.key},
                             replica_.engine().parameters(), replica_.team()));
  replica_.begin_loaded(info.window, info.outer_step, info.start_window);
  const Stopwatch watch;
  TRY_ASSIGN(const EvaluationReport report, evaluate_heldout(environment_.shards, replica_.engine(), options_.heldout_samples));
  Measurement measurement = node_measurement("benchmark_metrics", "evaluator", 0, environment_);
  measurement.fields = {{"window", window},
                        {"outer_step", info.outer_step},
                        {"heldout_loss", report.mean_loss()},
                        {"heldout_tokens", report.predicted_tokens},
                        {"seconds", watch.seconds()},
                        {"state_root", info.state_root.hex()}};
  environment_.metrics.write(measurement);
  return {};
}

Status Evaluator::load_state() {
  std::error_code unknown;
  if (options_.state_file.empty()) return {};
  if (!std::filesystem::exists(options_.state_file, unknown) && !unknown) return {};
  TRY_ASSIGN(const Bytes bytes, read_file(options_.state_file, kMaxStateBytes));
  const std::string_view text = as_text(bytes);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    int64_t window = 0;
    const auto [last, error] = std::from_chars(text.data() + begin, text.data() + end, window);
    if (error != std::errc() || last != text.data() + end) {
      return fatal_error(options_.state_file.string() + ": not a list of windows; remove it to evaluate all checkpoints again");
    }
    done_.insert(window);
    begin = end + 1;
  }
  return {};
}

Status Evaluator::mark_done(int64_t window) {
  done_.insert(window);
  if (options_.state_file.empty()) return {};
  std::string text;
  for (int64_t done : done_) text += std::to_string(done) + "\n";
  return write_file_atomically(options_.state_file, text);
}

}  // namespace templar
