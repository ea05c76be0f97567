#include "app/bench/measure/measure_metrics.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "adapters/influx/influx_output.h"
#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "adapters/metrics_logger/metrics_logger.h"
#include "app/bench/measure/bench_progress.h"
#include "app/bench/measure/work_folder.h"

namespace templar {
namespace {

namespace fs = std::filesystem;
using RunningClock = std::chrono::steady_clock;

// Port 1 of this machine: nobody listens there, and the answer that nobody does comes at once.
constexpr const char* kNobodysUrl = "http://127.0.0.1:1";
constexpr double kLateSeconds = 1e-3;

double seconds_between(RunningClock::time_point from, RunningClock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

double cpu_seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

CallCost cost_of(std::vector<float> seconds) {
  std::ranges::sort(seconds);
  const auto at = [&](double share) {
    return static_cast<double>(seconds[static_cast<size_t>(share * static_cast<double>(seconds.size() - 1))]);
  };
  return {.median = at(0.5), .p99 = at(0.99), .p999 = at(0.999), .max = at(1)};
}

Measurement miners_measurement(int64_t window) {
  return {.name = "training_step_v2",
          .tags = {{"role", "miner"}, {"uid", "7"}, {"run", "bench"}},
          .fields = {{"window", window},
                     {"outer_step", window},
                     {"loss", 3.25},
                     {"learning_rate", 4e-4},
                     {"gradient_norm", 0.75},
                     {"tokens", int64_t{65536}},
                     {"state_root", std::string("0123456789abcdef0123456789abcdef")}},
          .time_ns = 0};
}

// Waits without giving up the core, as a thread that computes.
void spin_until(RunningClock::time_point turn) {
  while (RunningClock::now() < turn) {
  }
}

struct Samples {
  std::vector<float> empty;
  std::vector<float> call;
  std::vector<float> build_and_call;
};

// Alternates between the two kinds of calls.
void log_steadily(MetricsLogger& logger, const MetricsBenchOptions& options, Samples& samples,
                  MetricsBenchReport& report) {
  // Two at least: one call of each kind.
  const auto count = std::max<int64_t>(2, static_cast<int64_t>(options.points_per_second * options.seconds));
  for (auto* list : {&samples.empty, &samples.call, &samples.build_and_call})
    list->reserve(static_cast<size_t>(count));
  const auto start = RunningClock::now();
  const double process_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  const double thread_before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  for (int64_t i = 0; i < count; ++i) {
    const std::chrono::duration<double> turn(static_cast<double>(i) / options.points_per_second);
    spin_until(start + std::chrono::duration_cast<RunningClock::duration>(turn));
    const auto before_empty = RunningClock::now();
    const auto after_empty = RunningClock::now();
    samples.empty.push_back(static_cast<float>(seconds_between(before_empty, after_empty)));
    if (seconds_between(start, before_empty) - turn.count() > kLateSeconds) ++report.late_calls;
    if (i % 2 == 0) {
      Measurement ready = miners_measurement(i);
      const auto before = RunningClock::now();
      logger.write(std::move(ready));
      const auto after = RunningClock::now();
      samples.call.push_back(static_cast<float>(seconds_between(before, after)));
    } else {
      const auto before = RunningClock::now();
      logger.write(miners_measurement(i));
      const auto after = RunningClock::now();
      samples.build_and_call.push_back(static_cast<float>(seconds_between(before, after)));
    }
  }
  const double elapsed = seconds_between(start, RunningClock::now());
  const double process = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process_before;
  const double thread = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - thread_before;
  report.points = static_cast<uint64_t>(count);
  report.logged_per_second = static_cast<double>(count) / elapsed;
  report.cpu_share = (process - thread) / elapsed;
}

Result<MetricsBenchReport> measure(const std::string& name, const InfluxConfig& influx,
                                   const MetricsBenchOptions& options, const fs::path& folder) {
  show_progress(name);
  const SystemClock clock;
  std::vector<std::shared_ptr<MetricsOutput>> outputs;
  TRY_ASSIGN(auto jsonl, JsonlMetricsSink::open(folder / "bench.jsonl"));
  outputs.push_back(std::move(jsonl));
  if (!influx.url.empty()) {
    TRY_ASSIGN(auto output, InfluxOutput::open(influx, {.spool_folder = folder / "spool"}, clock));
    outputs.push_back(std::move(output));
  }
  MetricsBenchReport report{.outputs = name};
  Samples samples;
  {
    MetricsLogger logger({.tags = {{"version", "1"}, {"runtime_id", "00000000-0000-4000-8000-000000000000"}}},
                         clock, std::move(outputs));
    log_steadily(logger, options, samples, report);
    logger.flush();
    report.dropped = logger.dropped();
  }
  report.empty = cost_of(std::move(samples.empty));
  report.call = cost_of(std::move(samples.call));
  report.build_and_call = cost_of(std::move(samples.build_and_call));
  std::error_code ignored;  // the next measurement starts on whatever is left
  fs::remove(folder / "bench.jsonl", ignored);
  fs::remove_all(folder / "spool", ignored);
  return report;
}

}  // namespace

Result<std::vector<MetricsBenchReport>> run_metrics_bench(const MetricsBenchOptions& options) {
  if (!options.influx.url.empty()) TRY(validate(options.influx));
  TRY_ASSIGN(const auto folder, WorkFolder::create());
  const InfluxConfig nobody{.url = kNobodysUrl, .version = InfluxVersion::k1, .database = "bench"};
  std::vector<std::pair<std::string, InfluxConfig>> cases = {{"JSONL", {}},
                                                             {"JSONL and a server that is down", nobody}};
  if (!options.influx.url.empty()) cases.emplace_back("JSONL and a server that is up", options.influx);
  std::vector<MetricsBenchReport> reports;
  Status status;
  for (const auto& [name, influx] : cases) {
    auto report = measure(name, influx, options, folder->path);
    if (!report) {
      status = std::unexpected(std::move(report).error());
      break;
    }
    reports.push_back(std::move(*report));
  }
  end_progress();
  TRY(status);
  return reports;
}

}  // namespace templar
