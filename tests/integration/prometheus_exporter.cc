// Serves what two nodes might have measured until its standard input ends: prometheus_exporter PORT. Says
// "ready" when it does.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "adapters/prometheus/prometheus_exporter.h"
#include "adapters/system_metrics/system_metrics.h"
#include "base/log/log.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto exporter =
      templar::PrometheusExporter::open({.port = std::atoi(argv[1]), .metrics_dropped = [] { return 3; }});
  if (!exporter) {
    fmt::print(stderr, "{}\n", exporter.error().message);
    return 1;
  }
  templar::SystemMetrics system;
  templar::log(templar::LogLevel::kWarning, "miner", "something to count");
  const auto write = [&](templar::Measurement measurement) { (*exporter)->write({&measurement, 1}); };
  const auto write_window = [&](int64_t window) {
    for (const int64_t uid : {1, 2}) {
      const std::map<std::string, std::string> tags = {
          {"role", "miner"}, {"uid", std::to_string(uid)}, {"run", "a \"b\"\\\n\xf0\x9f\x90\x8d"}};
      write({.name = "training_step_v2",
             .tags = tags,
             .fields = {{"loss", 3.25 + static_cast<double>(uid)},
                        {"window", window},
                        {"state_root", "ab"},
                        {"tokens", int64_t{1} << 40}}});
      write({.name = "window_timeline",
             .tags = tags,
             .fields = {{"train_start_ms", int64_t{1767225600500}}, {"train_seconds", 1.5}}});
      write({.name = "system", .tags = tags, .fields = system.sample()});
    }
    write({.name = "benchmark_task",
           .tags = {{"role", "evaluator"},
                    {"task", "arc_easy"},
                    {"metric", "acc"},
                    {"window", std::to_string(window)}},
           .fields = {{"score", 0.5}, {"count", int64_t{100}}, {"seconds", 2.0}}});
    write({.name = "benchmark_summary",
           .tags = {{"role", "evaluator"}},
           .fields = {{"load_s", 0.5}, {"num_tasks", int64_t{4}}}});
  };
  write_window(11);
  fmt::print("ready\n");
  std::fflush(stdout);
  // Each line is another window.
  int64_t window = 11;
  for (std::string line; std::getline(std::cin, line);) write_window(++window);
  return 0;
}
