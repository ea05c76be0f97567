// How a process that runs nodes can be watched: the options that all its verbs share (node_options.h names
// them), and what stands behind them.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/influx/influx_config.h"
#include "adapters/loki/loki_pusher.h"
#include "adapters/metrics_logger/metrics_output.h"
#include "adapters/system_metrics/gpu_metrics.h"
#include "adapters/system_metrics/system_metrics.h"
#include "base/clock.h"
#include "base/log/log.h"
#include "base/result.h"
#include "core/run/run_spec.h"
#include "ports/metrics_sink.h"

namespace templar {

struct WatchOptions {
  InfluxConfig influx;  // without a url nothing goes there
  std::filesystem::path influx_password_file;
  std::filesystem::path influx_token_file;
  LokiOptions loki;  // likewise
  std::filesystem::path loki_password_file;
  std::filesystem::path loki_token_file;
  int prometheus_port = -1;  // of this process; 0: any free one; below 0: none
  std::string prometheus_host = "127.0.0.1";
  std::vector<std::string> tags;               // KEY=VALUE, on every measurement and, for Loki, every event
  double system_seconds = 10;                  // between two looks at the machine; 0: none
  uint64_t metrics_bytes = uint64_t{8} << 20;  // see JsonlMetricsSink; of a localnet's files together
  std::string log_levels = "info";
  std::string log_format = "text";
  std::filesystem::path log_file;
};

// The standard tags of a run's measurements: what it trains.
[[nodiscard]] std::map<std::string, std::string> run_tags(const RunSpec& spec);

// Everything of a process that watches: its log, and where its measurements go. Lives longer than the sinks
// that it has opened.
class Watch {
 public:
  // Lines of JSON in each sink's own file, and nothing else: for short tasks and tests.
  Watch();
  // Takes over the process' log, which goes back to standard error when the watch ends. state_folder: where
  // what can't be sent waits. run_log: gets every event besides those whom the options name; without it
  // standard error does. Fails (fatal) where an option can't be used, and says which.
  [[nodiscard]] static Result<std::shared_ptr<Watch>> open(const WatchOptions& options,
                                                           const std::filesystem::path& state_folder,
                                                           LogSink run_log = {});
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  // A node's: lines of JSON in that file (its folder is made), and whatever the options name. tags: on each
  // of its measurements, besides the options' own, version, runtime_id, and node, the file's name.
  // reports_machine: it also reports the measurement `system`; one sink of a process should. Thread-safe.
  [[nodiscard]] Result<std::unique_ptr<MetricsSink>> open_sink(const std::filesystem::path& metrics_file,
                                                               std::map<std::string, std::string> tags,
                                                               bool reports_machine);

 private:
  [[nodiscard]] uint64_t file_bytes(const std::map<std::string, std::string>& tags) const;
  // Another one in each process.
  [[nodiscard]] uint64_t process_seed() const;
  [[nodiscard]] Status open_log(const WatchOptions& options, LogSink run_log);
  [[nodiscard]] Status open_outputs(const WatchOptions& options, const std::filesystem::path& state_folder);

  const SystemClock clock_;
  std::map<std::string, std::string> tags_;
  std::chrono::milliseconds system_interval_{0};
  uint64_t metrics_bytes_ = 0;
  std::vector<std::shared_ptr<MetricsOutput>> outputs_;  // that all sinks share
  std::unique_ptr<SystemMetrics> system_;
  std::unique_ptr<GpuMetrics> gpu_;
  std::unique_ptr<LokiPusher> loki_;
  bool has_log_ = false;
};

}  // namespace templar
