// The options by which a process is watched.
#include <CLI/CLI.hpp>

#include "app/watch.h"

namespace templar {
namespace {

constexpr const char* kInflux = "Measurements to InfluxDB";
constexpr const char* kLog = "Log";
constexpr const char* kWatching = "Watching";

void add_influx_options(CLI::App& verb, WatchOptions& options) {
  InfluxConfig& influx = options.influx;
  verb.add_option("--influx-url", influx.url,
                  "Server, e.g. https://metrics.example:8086; without it nothing is sent")
      ->group(kInflux);
  verb.add_option("--influx-database", influx.database, "Database (InfluxDB 1.x)")->group(kInflux);
  verb.add_option("--influx-user", influx.user,
                  "User (1.x); the password comes from --influx-password-file or TEMPLAR_INFLUX_PASSWORD")
      ->group(kInflux);
  verb.add_option("--influx-password-file", options.influx_password_file, "File that holds the password")
      ->group(kInflux);
  verb.add_option("--influx-org", influx.org, "Organisation (2.x)")->group(kInflux);
  verb.add_option("--influx-bucket", influx.bucket,
                  "Bucket (2.x, 3.x); the token comes from --influx-token-file or TEMPLAR_INFLUX_TOKEN")
      ->group(kInflux);
  verb.add_option("--influx-token-file", options.influx_token_file, "File that holds the token")
      ->group(kInflux);
  verb.add_option("--influx-ca-file", influx.ca_file, "Certificates to trust instead of the system's")
      ->group(kInflux);
  verb.add_option("--influx-batch", influx.batch_size, "Measurements sent at once")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str()
      ->group(kInflux);
}

void add_log_options(CLI::App& verb, WatchOptions& options) {
  verb.add_option("--log-levels", options.log_levels,
                  "Lowest level, of all rooms and of some: info,gather=debug,miner=warn")
      ->capture_default_str()
      ->group(kLog);
  verb.add_option("--log-format", options.log_format, "text, or json: an object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->group(kLog);
  verb.add_option("--log-file", options.log_file,
                  "Also into this file; at 64 MiB it becomes FILE.1, and so on to FILE.4")
      ->group(kLog);
  LokiOptions& loki = options.loki;
  verb.add_option("--loki-url", loki.url, "Also to this Loki server, e.g. http://logs.example:3100")
      ->group(kLog);
  verb.add_option("--loki-user", loki.user,
                  "User; the password comes from --loki-password-file or TEMPLAR_LOKI_PASSWORD")
      ->group(kLog);
  verb.add_option("--loki-password-file", options.loki_password_file, "File that holds the password")
      ->group(kLog);
  verb.add_option("--loki-token-file", options.loki_token_file,
                  "File that holds a bearer token (or TEMPLAR_LOKI_TOKEN)")
      ->group(kLog);
  verb.add_option("--loki-tenant", loki.tenant, "Tenant, for servers of many")->group(kLog);
  verb.add_option("--loki-ca-file", loki.ca_file, "Certificates to trust instead of the system's")
      ->group(kLog);
}

}  // namespace

void add_watch_options(CLI::App& verb, WatchOptions& options) {
  verb.add_option("--prometheus", options.prometheus_port,
                  "Serve /metrics to Prometheus on this port (0: any that is free)")
      ->check(CLI::Range(0, 65535))
      ->group(kWatching);
  verb.add_option("--prometheus-host", options.prometheus_host,
                  "Address to serve it on; nobody is asked for a password there")
      ->capture_default_str()
      ->group(kWatching);
  verb.add_option("--tag", options.tags,
                  "KEY=VALUE on every measurement and label of every event for Loki; may be repeated")
      ->take_all()
      ->group(kWatching);
  verb.add_option("--system-interval", options.system_seconds,
                  "Seconds between two looks at processor, memory, disk, network, GPU (0: none)")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str()
      ->group(kWatching);
  add_influx_options(verb, options);
  add_log_options(verb, options);
}

std::vector<std::string> watch_arguments(const WatchOptions& options) {
  std::vector<std::string> arguments = {"--log-levels",      options.log_levels,
                                        "--log-format",      options.log_format,
                                        "--system-interval", std::to_string(options.system_seconds)};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) arguments.insert(arguments.end(), {name, value});
  };
  for (const std::string& tag : options.tags) add("--tag", tag);
  if (options.prometheus_port >= 0) {
    add("--prometheus", std::to_string(options.prometheus_port));
    add("--prometheus-host", options.prometheus_host);
  }
  if (!options.influx.url.empty()) {
    add("--influx-url", options.influx.url);
    add("--influx-database", options.influx.database);
    add("--influx-user", options.influx.user);
    add("--influx-password-file", options.influx_password_file.string());
    add("--influx-org", options.influx.org);
    add("--influx-bucket", options.influx.bucket);
    add("--influx-token-file", options.influx_token_file.string());
    add("--influx-ca-file", options.influx.ca_file.string());
    // Validators send more at once unless they are told otherwise.
    if (options.influx.batch_size != InfluxConfig().batch_size) add("--influx-batch", std::to_string(options.influx.batch_size));
  }
  if (!options.loki.url.empty()) {
    add("--loki-url", options.loki.url);
    add("--loki-user", options.loki.user);
    add("--loki-password-file", options.loki_password_file.string());
    add("--loki-token-file", options.loki_token_file.string());
    add("--loki-tenant", options.loki.tenant);
    add("--loki-ca-file", options.loki.ca_file.string());
  }
  return arguments;
}

}  // namespace templar
