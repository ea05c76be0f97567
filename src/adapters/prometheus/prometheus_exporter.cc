#include "adapters/prometheus/prometheus_exporter.h"

#include <fmt/format.h>
#include <httplib.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/log/log.h"

namespace templar {

class PrometheusExporter::Server {
 public:
  explicit Server(const PrometheusExporter& exporter) {
    server_.Get("/metrics", [&exporter](const httplib::Request&, httplib::Response& response) {
      response.set_content(exporter.text(), "text/plain; version=0.0.4; charset=utf-8");
    });
    server_.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("templar's measurements for Prometheus are at /metrics\n", "text/plain");
    });
    // An idle connection would keep one of the few threads.
    server_.set_keep_alive_max_count(1);
    server_.new_task_queue = [] { return new httplib::ThreadPool(2); };
    // Without the library's default, which lets two programs share a port unnoticed.
    server_.set_socket_options([](int socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    if (!thread_.joinable()) return;
    server_.stop();
    thread_.join();
  }

  Status start(const std::string& host, int port) {
    errno = 0;
    port_ = port == 0 ? server_.bind_to_any_port(host) : server_.bind_to_port(host, port) ? port : -1;
    if (port_ < 0) {
      return fatal_error(
          fmt::format("Prometheus' port {} on {} can't be opened: {}; give a free port, or 0 for any", port,
                      host, errno != 0 ? std::strerror(errno) : "no such address"));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // Before that a stop() would not be heard.
    while (!server_.is_running()) std::this_thread::yield();
    return {};
  }

  [[nodiscard]] int port() const { return port_; }

 private:
  httplib::Server server_;
  int port_ = -1;
  std::thread thread_;
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
