#include "adapters/prometheus/prometheus_exporter.h"

#include <fmt/format.h>
#include <httplib.h>

#include "adapters/http/limited_http_server.h"
#include "base/log/log.h"

namespace templar {

class PrometheusExporter::Server {
 public:
  explicit Server(const PrometheusExporter& exporter) {
    server_.routes().Get("/metrics", [&exporter](const httplib::Request&, httplib::Response& response) {
      response.set_content(exporter.text(), "text/plain; version=0.0.4; charset=utf-8");
    });
    server_.routes().Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("templar's measurements for Prometheus are at /metrics\n", "text/plain");
    });
  }

  Status start(const std::string& host, int port) {
    const Result<int> bound = server_.start(host, port);
    if (!bound) {
      return fatal_error(
          fmt::format("Prometheus' port {} on {} can't be opened: {}; give a free port, or 0 for any", port,
                      host, bound.error().message));
    }
    port_ = *bound;
    return {};
  }

  [[nodiscard]] int port() const { return port_; }

 private:
  int port_ = -1;
  LimitedHttpServer server_;  // last: ended before what its routes read
};

PrometheusExporter::PrometheusExporter(PrometheusOptions options)
    : metrics_dropped_(std::move(options.metrics_dropped)),
      exposition_(std::move(options.exposition)),
      server_(std::make_unique<Server>(*this)) {}

PrometheusExporter::~PrometheusExporter() = default;

Result<std::unique_ptr<PrometheusExporter>> PrometheusExporter::open(PrometheusOptions options) {
  const std::string host = options.host;
  const int port = options.port;
  if (port < 0 || port > 65535)
    return fatal_error(fmt::format("Prometheus' port {}: ports are 0 to 65535", port));
  std::unique_ptr<PrometheusExporter> exporter(new PrometheusExporter(std::move(options)));
  TRY(exporter->server_->start(host, port));
  return exporter;
}

void PrometheusExporter::write(std::span<const Measurement> measurements) {
  for (const Measurement& measurement : measurements) exposition_.observe(measurement);
}

int PrometheusExporter::port() const {
  return server_->port();
}

std::string PrometheusExporter::text() const {
  const LogCounts counts = log_counts();
  OwnMetric events{"templar_log_events_total", "counter", "Events said on the log.", {}};
  for (size_t level = 0; level < kLogLevels; ++level) {
    events.values[fmt::format("level=\"{}\"", name_of(static_cast<LogLevel>(level)))] =
        counts.by_level[level];
  }
  std::string text = exposition_.text() + exposed(events);
  text += exposed({"templar_log_events_unwritten_total",
                   "counter",
                   "Events that a place of the log could not take.",
                   {{"", counts.unwritten}}});
  if (metrics_dropped_) {
    text += exposed({"templar_metrics_dropped_total",
                     "counter",
                     "Measurements that could not be written.",
                     {{"", metrics_dropped_()}}});
  }
  text += exposed({"templar_exporter_series", "gauge", "Values served here.", {{"", exposition_.series()}}});
  text += exposed({"templar_exporter_values_left_out_total",
                   "counter",
                   "Values that found no place here.",
                   {{"", exposition_.left_out()}}});
  return text;
}

}  // namespace templar
