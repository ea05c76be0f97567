// The options by which a process is watched.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/world/watch.h"

namespace templar {
namespace {

constexpr const char* kInflux = "Measurements to InfluxDB";
constexpr const char* kLog = "Log";
constexpr const char* kWatching = "Watching";

// Each option once: visit(name, value, group, description).
template <typename Options, typename Visitor>
void visit_watching(Options& options, const Visitor& visit) {
  visit("--prometheus", options.prometheus_port, kWatching,
        "Serve /metrics to Prometheus on this port (0: any that is free)");
  visit("--prometheus-host", options.prometheus_host, kWatching,
        "Address to serve it on; nobody is asked for a password there");
  visit("--tag", options.tags, kWatching,
        "KEY=VALUE on every measurement and label of every event for Loki; may be repeated");
  visit("--system-interval", options.system_seconds, kWatching,
        "Seconds between two looks at processor, memory, disk, network, GPU (0: none)");
}

template <typename Options, typename Visitor>
void visit_influx(Options& options, const Visitor& visit) {
  auto& influx = options.influx;
  visit("--influx-url", influx.url, kInflux,
        "Server, e.g. https://metrics.example:8086; without it nothing is sent");
  visit("--influx-database", influx.database, kInflux, "Database (InfluxDB 1.x)");
  visit("--influx-user", influx.user, kInflux,
        "User (1.x); the password comes from --influx-password-file or TEMPLAR_INFLUX_PASSWORD");
  visit("--influx-password-file", options.influx_password_file, kInflux, "File that holds the password");
  visit("--influx-org", influx.org, kInflux, "Organisation (2.x)");
  visit("--influx-bucket", influx.bucket, kInflux,
        "Bucket (2.x, 3.x); the token comes from --influx-token-file or TEMPLAR_INFLUX_TOKEN");
  visit("--influx-token-file", options.influx_token_file, kInflux, "File that holds the token");
  visit("--influx-ca-file", influx.ca_file, kInflux, "Certificates to trust instead of the system's");
  visit("--influx-batch", influx.batch_size, kInflux, "Measurements sent at once");
}

template <typename Options, typename Visitor>
void visit_log(Options& options, const Visitor& visit) {
  visit("--log-levels", options.log_levels, kLog,
        "Lowest level, of all rooms and of some: info,gather=debug,miner=warn");
  visit("--log-format", options.log_format, kLog, "text, or json: an object a line");
  visit("--log-file", options.log_file, kLog,
        "Also into this file; at 64 MiB it becomes FILE.1, and so on to FILE.4");
  auto& loki = options.loki;
  visit("--loki-url", loki.url, kLog, "Also to this Loki server, e.g. http://logs.example:3100");
  visit("--loki-user", loki.user, kLog,
        "User; the password comes from --loki-password-file or TEMPLAR_LOKI_PASSWORD");
  visit("--loki-password-file", options.loki_password_file, kLog, "File that holds the password");
  visit("--loki-token-file", options.loki_token_file, kLog,
        "File that holds a bearer token (or TEMPLAR_LOKI_TOKEN)");
  visit("--loki-tenant", loki.tenant, kLog, "Tenant, for servers of many");
  visit("--loki-ca-file", loki.ca_file, kLog, "Certificates to trust instead of the system's");
}

template <typename Options, typename Visitor>
void visit_all(Options& options, const Visitor& visit) {
  visit_watching(options, visit);
  visit_influx(options, visit);
  visit_log(options, visit);
}

// What a value is on a command line: one text, or as many as the option is repeated.
std::vector<std::string> texts_of(const std::vector<std::string>& values) {
  return values;
}
std::vector<std::string> texts_of(const std::filesystem::path& value) {
  return {value.string()};
}
template <typename T>
std::vector<std::string> texts_of(const T& value) {
  return {fmt::format("{}", value)};
}

using Arguments = std::vector<std::pair<std::string, std::vector<std::string>>>;

Arguments all_arguments(const WatchOptions& options) {
  Arguments arguments;
  visit_all(options, [&](const char* name, const auto& value, const char*, const char*) {
    arguments.emplace_back(name, texts_of(value));
  });
  return arguments;
}

}  // namespace

void add_watch_options(CLI::App& verb, WatchOptions& options) {
  visit_all(options, [&](const char* name, auto& value, const char* group, const char* description) {
    verb.add_option(name, value, description)->group(group);
  });
  for (const char* shown :
       {"--prometheus-host", "--system-interval", "--influx-batch", "--log-levels", "--log-format"})
    verb.get_option(shown)->capture_default_str();
  verb.get_option("--prometheus")->check(CLI::Range(0, 65535));
  verb.get_option("--tag")->take_all();
  verb.get_option("--system-interval")->check(CLI::Range(0.0, 86400.0));
  verb.get_option("--influx-batch")->check(CLI::Range(1, 100'000));
  verb.get_option("--log-format")->check(CLI::IsMember({"text", "json"}));
}

std::vector<std::string> watch_arguments(const WatchOptions& options) {
  const Arguments defaults = all_arguments({});
  const Arguments wanted = all_arguments(options);
  std::vector<std::string> arguments;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == defaults[i]) continue;
    for (const std::string& text : wanted[i].second)
      arguments.insert(arguments.end(), {wanted[i].first, text});
  }
  return arguments;
}

}  // namespace templar
