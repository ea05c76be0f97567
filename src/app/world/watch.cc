#include "app/world/watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "adapters/http/limited_http_server.h"
#include "adapters/influx/influx_output.h"
#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "adapters/metrics_logger/metrics_logger.h"
#include "adapters/prometheus/prometheus_exporter.h"
#include "app/command_line/variables.h"
#include "app/run/run_files.h"
#include "app/terminal/terminal.h"
#include "base/files/file.h"
#include "base/keys/secret_file.h"
#include "base/log/log.h"
#include "base/log/log_format.h"
#include "base/log/log_levels.h"
#include "base/log/log_sinks.h"
#include "base/uuid.h"
#include "ports/ledger.h"

namespace templar {
namespace {

// Empty if there is no such variable.
std::string from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

Result<std::map<std::string, std::string>> parse_tags(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> tags;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return fatal_error(fmt::format("--tag {}: must be KEY=VALUE", text));
    }
    tags[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return tags;
}

std::map<std::string, std::string> process_tags() {
  return {{"version", TEMPLAR_VERSION}, {"runtime_id", random_uuid()}};
}

}  // namespace

std::map<std::string, std::string> run_tags(const RunSpec& spec) {
  return {{"config_spec", spec.name},
          {"config_algorithm", spec.algorithm == Algorithm::kDemo ? "demo" : "sparseloco"}};
}

uint64_t Watch::process_seed() const {
  return std::hash<std::string>()(tags_.at("runtime_id"));
}

Watch::Watch() : tags_(process_tags()) {}

Watch::~Watch() {
  if (has_log_) set_log_sink({});
}

Result<std::shared_ptr<Watch>> Watch::open(const WatchOptions& options,
                                           const std::filesystem::path& state_folder, LogSink run_log) {
  auto watch = std::make_shared<Watch>();
  TRY_ASSIGN(const auto tags, parse_tags(options.tags));
  watch->tags_.insert(tags.begin(), tags.end());
  watch->metrics_bytes_ = options.metrics_bytes;
  TRY(watch->open_log(options, std::move(run_log)));
  TRY(watch->open_outputs(options, state_folder));
  if (options.system_seconds > 0) {
    watch->system_interval_ = std::chrono::milliseconds(static_cast<int64_t>(options.system_seconds * 1000));
    watch->system_ = std::make_unique<SystemMetrics>(SystemMetricsOptions{.disk_folder = state_folder});
    watch->gpu_ = open_gpu_metrics();
  }
  return watch;
}

Status Watch::open_log(const WatchOptions& options, LogSink run_log) {
  TRY_ASSIGN(LogLevels levels, parse_log_levels(options.log_levels));
  TRY_ASSIGN(const LogFormat format, parse_log_format(options.log_format));
  std::vector<LogSink> sinks;
  const bool colours = terminal_at(STDERR_FILENO).colours;
  sinks.push_back(run_log ? std::move(run_log) : stderr_log_sink({.format = format, .colours = colours}));
  if (!options.log_file.empty()) {
    TRY(refuse_own_file(options.log_file, WrittenAs::kWatching));
    TRY(make_folder(options.log_file.parent_path()));
    TRY_ASSIGN(LogSink file, file_log_sink({.path = options.log_file, .format = format}));
    sinks.push_back(std::move(file));
  }
  if (!options.loki.url.empty()) {
    LokiOptions loki = options.loki;
    TRY_ASSIGN(loki.password,
               read_secret(options.loki_password_file, from_environment(kLokiPasswordVariable)));
    TRY_ASSIGN(loki.token, read_secret(options.loki_token_file, from_environment(kLokiTokenVariable)));
    TRY_ASSIGN(loki.labels, parse_tags(options.tags));
    loki.seed = process_seed();
    TRY_ASSIGN(loki_, LokiPusher::open(std::move(loki)));
    sinks.push_back(loki_->sink());
  }
  set_log_levels(std::move(levels));
  set_log_sink(all_log_sinks(std::move(sinks)));
  has_log_ = true;
  return {};
}

Status Watch::open_outputs(const WatchOptions& options, const std::filesystem::path& state_folder) {
  if (!options.influx.url.empty()) {
    InfluxConfig config = options.influx;
    TRY_ASSIGN(config.password,
               read_secret(options.influx_password_file, from_environment(kInfluxPasswordVariable)));
    TRY_ASSIGN(config.token, read_secret(options.influx_token_file, from_environment(kInfluxTokenVariable)));
    const std::filesystem::path spool = state_folder / "influx";
    TRY(make_folder(spool));
    TRY_ASSIGN(auto influx,
               InfluxOutput::open(config, {.spool_folder = spool, .seed = process_seed()}, clock_));
    outputs_.push_back(std::move(influx));
  }
  if (options.prometheus_port >= 0) {
    const auto dropped = [others = outputs_] {
      uint64_t sum = 0;
      for (const std::shared_ptr<MetricsOutput>& output : others) sum += output->dropped();
      return sum;
    };
    TRY_ASSIGN(auto exporter, PrometheusExporter::open({.host = options.prometheus_host,
                                                        .port = options.prometheus_port,
                                                        .metrics_dropped = dropped}));
    log(LogLevel::kInfo, "metrics", "served to Prometheus",
        {{"address", http_address(options.prometheus_host, exporter->port()) + "/metrics"}});
    outputs_.push_back(std::move(exporter));
  }
  return {};
}

// A validator writes of each miner what others write of themselves alone: where files are small because there
// are many, its own is as large as those of many.
uint64_t Watch::file_bytes(const std::map<std::string, std::string>& tags) const {
  constexpr uint64_t kOthers = 64;
  constexpr uint64_t kLargeEnough = uint64_t{4} << 20;
  const auto role = tags.find("role");
  if (role == tags.end() || role->second != name_of(NodeRole::kValidator)) return metrics_bytes_;
  return std::max(metrics_bytes_, std::min(kOthers * metrics_bytes_, kLargeEnough));
}

Result<std::unique_ptr<MetricsSink>> Watch::open_sink(const std::filesystem::path& metrics_file,
                                                      std::map<std::string, std::string> tags,
                                                      bool reports_machine) {
  TRY(refuse_own_file(metrics_file, WrittenAs::kWatching));
  TRY(make_folder(metrics_file.parent_path()));
  TRY_ASSIGN(auto file, JsonlMetricsSink::open(metrics_file, file_bytes(tags)));
  std::vector<std::shared_ptr<MetricsOutput>> outputs = outputs_;
  outputs.insert(outputs.begin(), std::move(file));
  tags.insert(tags_.begin(), tags_.end());
  tags.emplace("node", metrics_file.stem().string());
  MetricsLoggerOptions options{.tags = std::move(tags)};
  if (system_) options.system_metrics = [this] { return system_->sample(); };
  if (gpu_) options.gpu_metrics = [this] { return gpu_->sample(); };
  if (reports_machine) options.system_interval = system_interval_;
  return std::make_unique<MetricsLogger>(std::move(options), clock_, std::move(outputs));
}

}  // namespace templar
