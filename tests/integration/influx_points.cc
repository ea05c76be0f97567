// Logs measurements to a server as a node does, through MetricsLogger. tests/integration/influx_test.sh
// builds and drives it; the same measurements go to a JSONL file, to be compared with what the server
// answers.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "adapters/influx/influx_output.h"
#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"
#include "adapters/metrics_logger/metrics_logger.h"
#include "app/command_line/command_line.h"
#include "base/check.h"
#include "base/json/json.h"
#include "base/threads/mutex.h"
#include "ports/metric_fields.h"

namespace templar::testing {
namespace {

struct Arguments {
  InfluxConfig config;
  InfluxOutputOptions options;
  std::string jsonl;
  int64_t points = 0;  // of a stream
  double rate = 100'000;
  double patience_s = 30;
};

void wait_seconds(double seconds) {
  const auto at_most =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
  Mutex mutex;
  ConditionVariable never;
  const MutexLock lock(mutex);
  never.wait_for(mutex, at_most, [] { return false; });
}

void write(MetricsLogger& logger, std::string name, std::map<std::string, std::string> tags,
           std::map<std::string, MetricValue> fields) {
  logger.write({.name = std::move(name), .tags = std::move(tags), .fields = std::move(fields)});
}

// What no protocol carries by itself: each of these comes back equal.
void log_kinds(MetricsLogger& logger) {
  Measurement kinds{.name = "kinds",
                    .tags = {{"uid", "1"}},
                    .fields = {{"integer", int64_t{5}},
                               {"largest", std::numeric_limits<int64_t>::max()},
                               {"smallest", std::numeric_limits<int64_t>::min()},
                               {"float", 0.1},
                               {"whole", 5.0},
                               {"tiny", 5e-324},
                               {"huge", std::numeric_limits<double>::max()},
                               {"minus", -1.0 / 3},
                               {"text", "words"},
                               {"peers", "[1, 2, 3]"},
                               {"nothing", 0.0},
                               {"not_a_number", std::nan("")},
                               {"infinite", HUGE_VAL}},
                    .time_ns = 1'784'800'000'123'456'789};
  add_list_field(kinds, "losses", std::vector<double>{1, 2, 4});
  logger.write(std::move(kinds));
  const std::string crab = "\xf0\x9f\xa6\x80";
  for (const std::string& name :
       {std::string("with space"), std::string("with,comma"), std::string("with=equals"),
        std::string("with\"quote"), std::string("with'quote"), std::string("back\\slash"), "crab " + crab,
        std::string("\xc3\xa4\xe2\x82\xac")}) {
    write(logger, "m " + name, {{"tag " + name, "value " + name}},
          {{"field " + name, "text " + name}, {"number", int64_t{1}}});
  }
  write(logger, "text", {},
        {{"text", "lines\nand \"quotes\" and \\ and \\\" and\ttabs, commas = signs " + crab}});
  write(logger, "text", {}, {{"text", "ends with a backslash\\"}});
  write(logger, "text", {}, {{"text", ""}});
}

// What can't come back equal: influx_test.sh says what it becomes.
void log_replaced(MetricsLogger& logger) {
  write(logger, "replaced", {{"t", "line\nend"}, {"empty", ""}, {"time", "tag"}},
        {{"time", int64_t{1}}, {"new\nline", int64_t{2}}});
  write(logger, "#replaced", {{"t", "ends with\\"}}, {{"number", int64_t{3}}});
  write(logger, "replaced", {{"t", "wrong \xff byte"}}, {{"number", int64_t{4}}});
  write(logger, "replaced a\\,b", {{"t", "c\\,d\\\\=e\\ f"}}, {{"g\\\"h", int64_t{5}}});
  write(logger, "no_field", {}, {{"nan", std::nan("")}});
}

void log_stream(MetricsLogger& logger, const InfluxOutput& output, const Arguments& arguments) {
  const Stopwatch watch;
  for (int64_t i = 0; i < arguments.points; ++i) {
    write(logger, "stream", {{"series", std::to_string(i % 10)}},
          {{"number", i}, {"half", static_cast<double>(i) / 2}});
    if (i % 500 != 499) continue;
    const double ahead = static_cast<double>(i) / arguments.rate - watch.seconds();
    if (ahead > 0) wait_seconds(ahead);
    if (i % 50'000 == 49'999) {
      fmt::print(stderr, "logged {} written {}\n", i + 1, output.counts().written);
    }
  }
  fmt::print(stderr, "logged in {:.1f} s\n", watch.seconds());
}

int run(const Arguments& arguments) {
  const SystemClock clock;
  auto opened = InfluxOutput::open(arguments.config, arguments.options, clock);
  if (!opened) {
    fmt::print(stderr, "{}\n", opened.error().message);
    return 1;
  }
  const InfluxOutput& output = **opened;
  std::vector<std::shared_ptr<MetricsOutput>> outputs;
  outputs.push_back(std::move(*opened));
  if (!arguments.jsonl.empty()) outputs.push_back(JsonlMetricsSink::open(arguments.jsonl).value());
  MetricsLogger logger({.tags = {{"version", "1"}}}, clock, std::move(outputs));
  if (arguments.points > 0) {
    log_stream(logger, output, arguments);
  } else {
    log_kinds(logger);
    log_replaced(logger);
  }
  logger.flush();
  const Stopwatch watch;
  while (output.counts().waiting > 0 && watch.seconds() < arguments.patience_s) wait_seconds(0.01);
  const InfluxCounts counts = output.counts();
  const Json report = JsonObject{{"written", counts.written},   {"rejected", counts.rejected},
                                 {"dropped", logger.dropped()}, {"waiting", counts.waiting},
                                 {"requests", counts.requests}, {"fields_left_out", counts.fields_left_out}};
  fmt::print("{}\n", to_text(report, {.sorted = true}));
  return 0;
}

}  // namespace
}  // namespace templar::testing

int main(int argc, char** argv) {
  templar::testing::Arguments arguments;
  templar::InfluxConfig& config = arguments.config;
  templar::CommandLine command_line("influx_points", "Logs measurements to an InfluxDB server", "");
  templar::Verb program = command_line.root();
  program.add_options({{"--url", &config.url, ""},
                       {"--database", &config.database, ""},
                       {"--user", &config.user, ""},
                       {"--password", &config.password, ""},
                       {"--org", &config.org, ""},
                       {"--bucket", &config.bucket, ""},
                       {"--token", &config.token, ""},
                       {"--ca-file", &config.ca_file, ""},
                       {"--batch-size", &config.batch_size, ""},
                       {"--spool", &arguments.options.spool_folder, ""},
                       {"--jsonl", &arguments.jsonl, ""},
                       {"--points", &arguments.points, ""},
                       {"--rate", &arguments.rate, ""},
                       {"--patience", &arguments.patience_s, ""}});
  config.connect_timeout = std::chrono::seconds(3);
  arguments.options.first_retry = std::chrono::milliseconds(50);
  arguments.options.last_retry = std::chrono::milliseconds(500);
  arguments.options.exit_time = std::chrono::seconds(1);
  program.runs([&arguments] { return templar::testing::run(arguments); });
  return command_line.run({argv + 1, argv + argc});
}
