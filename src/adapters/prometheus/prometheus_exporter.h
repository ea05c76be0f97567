// Serves what was measured to Prometheus: GET /metrics.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/metrics_logger/metrics_output.h"
#include "adapters/prometheus/exposition.h"
#include "base/result.h"

namespace templar {

struct PrometheusOptions {
  // Of this machine's addresses; nobody is asked for a password, so think before giving another one.
  std::string host = "127.0.0.1";
  int port = 0;  // 0: any that is free
  ExpositionOptions exposition;
  std::function<uint64_t()>
      metrics_dropped;  // for templar_metrics_dropped_total; called on the server's threads; may be empty
};

// Keeps each measurement's newest value and serves it. Thread-safe.
class PrometheusExporter final : public MetricsOutput {
 public:
  // Serves from now on, on threads of its own. Fails (fatal) where the port can't be had.
  [[nodiscard]] static Result<std::unique_ptr<PrometheusExporter>> open(PrometheusOptions options);
  PrometheusExporter(const PrometheusExporter&) = delete;
  PrometheusExporter& operator=(const PrometheusExporter&) = delete;
  // Closes the port.
  ~PrometheusExporter() override;

  void write(std::span<const Measurement> measurements) override;
  void flush() override {}
  [[nodiscard]] uint64_t dropped() const override { return 0; }
  [[nodiscard]] int port() const;

  // What is served: everything written (see Exposition), and of this process
  // templar_log_events_total{level}, templar_log_events_unwritten_total, templar_metrics_dropped_total,
  // templar_exporter_series and templar_exporter_values_left_out_total.
  [[nodiscard]] std::string text() const;

 private:
  class Server;
  explicit PrometheusExporter(PrometheusOptions options);

  const std::function<uint64_t()> metrics_dropped_;
  Exposition exposition_;
  std::unique_ptr<Server> server_;
};

}  // namespace templar
