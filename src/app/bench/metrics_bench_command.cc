// `templar bench metrics`.
#include <fmt/format.h>

#include "app/bench/bench_verbs.h"
#include "app/bench/measure/measure_metrics.h"
#include "app/terminal/standard_output.h"
#include "base/json/json.h"

namespace templar {
namespace {

struct MetricsArguments {
  MetricsBenchOptions options;
  bool json = false;
};

void print_report(const MetricsBenchReport& report) {
  const auto row = [](const char* what, const CallCost& cost) {
    print("  {:<44} {:>9.3f} {:>9.3f} {:>9.3f} {:>10.1f}\n", what, cost.median * 1e6, cost.p99 * 1e6,
          cost.p999 * 1e6, cost.max * 1e6);
  };
  print("{}: {} points at {:.0f} a second\n", report.outputs, report.points, report.logged_per_second);
  print("  {:<44} {:>9} {:>9} {:>9} {:>10}\n", "microseconds", "median", "p99", "p99.9", "max");
  row("two clock readings, nothing between", report.empty);
  row("log of a measurement", report.call);
  row("making a measurement of 7 fields, and log", report.build_and_call);
  print("  dropped {}; {} calls came over 1 ms late; other threads used {:.0f} % of a core\n\n",
        report.dropped, report.late_calls, report.cpu_share * 100);
}

Json cost_json(const CallCost& cost) {
  return JsonObject{
      {"median_s", cost.median}, {"p99_s", cost.p99}, {"p999_s", cost.p999}, {"max_s", cost.max}};
}

Json report_json(const MetricsBenchReport& report) {
  return JsonObject{{"outputs", report.outputs},
                    {"points", report.points},
                    {"logged_per_second", report.logged_per_second},
                    {"empty", cost_json(report.empty)},
                    {"call", cost_json(report.call)},
                    {"build_and_call", cost_json(report.build_and_call)},
                    {"dropped", report.dropped},
                    {"late_calls", report.late_calls},
                    {"cpu_share", report.cpu_share}};
}

Status bench_metrics(const MetricsArguments& arguments) {
  TRY_ASSIGN(const std::vector<MetricsBenchReport> reports, run_metrics_bench(arguments.options));
  JsonList json;
  for (const MetricsBenchReport& report : reports) {
    if (arguments.json) {
      json.push_back(report_json(report));
    } else {
      print_report(report);
    }
  }
  if (arguments.json) print("{}\n", to_text(json, {.indent = 2}));
  return {};
}

}  // namespace

void add_metrics_bench_command(Verb bench) {
  auto arguments = std::make_shared<MetricsArguments>();
  MetricsBenchOptions& options = arguments->options;
  Verb verb = bench.add_verb("metrics", "What a call that logs a measurement costs, outputs up and down");
  verb.add_options(
      {{"--rate",
        &options.points_per_second,
        "Points a second",
        {.allowed = RealRange{1, 1e7}, .shows_default = true}},
       {"--seconds",
        &options.seconds,
        "Seconds of each part",
        {.allowed = RealRange{0.01, 1000}, .shows_default = true}},
       {"--influx-url", &options.influx.url, "A running InfluxDB 1.x server, to be measured with, too"},
       {"--influx-database", &options.influx.database, "Its database; nothing in it is removed"},
       {"--influx-user", &options.influx.user, "A user that may write to it"},
       {"--influx-password", &options.influx.password, "The user's password"},
       {"--json", &arguments->json, "Print the report as JSON"}});
  verb.runs([arguments] { return bench_metrics(*arguments); });
}

}  // namespace templar
