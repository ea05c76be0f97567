// `templar bench rejoin`.
#include <fmt/format.h>

#include "app/bench/bench_verbs.h"
#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/bench_progress.h"
#include "app/bench/measure/measure_rejoin.h"
#include "app/bench/measure/work_folder.h"
#include "app/terminal/standard_output.h"
#include "app/world/node_world.h"
#include "base/json/json.h"

namespace templar {
namespace {

struct RejoinArguments {
  int64_t millions = 30;
  std::string spec = "150M";
  std::vector<std::string> set;
  std::string folder = temporary_folder();
  RejoinBenchOptions options;
  bool json = false;
};

void print_report(const RejoinBenchReport& report, const RejoinBenchOptions& options) {
  print("{:.1f} M parameters, {} contributions of {:.2f} MB a window, {} thread{}, best of {}\n\n",
        static_cast<double>(report.parameters) / 1e6, options.contributions,
        static_cast<double>(report.contribution_bytes) / 1e6, options.threads,
        options.threads == 1 ? "" : "s", options.rounds);
  print("  {:>7} {:>11} {:>14} {:>12} {:>12} {:>7} {:>10}  {}\n", "windows", "load", "decode a window",
        "step", "catch-up", "ratio", "memory", "root");
  for (const RejoinPoint& point : report.points) {
    const auto windows = static_cast<double>(point.windows);
    print("  {:>7} {:>8.1f} ms {:>12.1f} ms {:>9.1f} ms {:>9.1f} ms {:>7.2f} {:>7.1f} MB  {}\n",
          point.windows, point.load_seconds * 1e3, point.decode_seconds / windows * 1e3,
          point.step_seconds / windows * 1e3, point.catch_up_seconds * 1e3,
          point.catch_up_seconds / point.expected_seconds(), static_cast<double>(point.memory_bytes) / 1e6,
          point.in_sync ? "the leader's" : "ANOTHER");
  }
  print(
      "\n  ratio: catch-up / (load + windows x (decode + step)), at most 1.2; below 1 where reading ahead "
      "hides\n  memory: the process' own while catching up, over what it had before with a model in it\n");
}

std::string report_json(const RejoinBenchReport& report, const RejoinBenchOptions& options) {
  Json json;
  json["parameters"] = report.parameters;
  json["threads"] = options.threads;
  json["contributions"] = options.contributions;
  json["contribution_bytes"] = report.contribution_bytes;
  for (const RejoinPoint& point : report.points) {
    json["points"].push_back(JsonObject{{"windows", point.windows},
                                        {"load_seconds", point.load_seconds},
                                        {"decode_seconds", point.decode_seconds},
                                        {"step_seconds", point.step_seconds},
                                        {"expected_seconds", point.expected_seconds()},
                                        {"catch_up_seconds", point.catch_up_seconds},
                                        {"ratio", point.catch_up_seconds / point.expected_seconds()},
                                        {"memory_bytes", point.memory_bytes},
                                        {"in_sync", point.in_sync}});
  }
  return to_text(json, {.indent = 2});
}

Status bench_rejoin(RejoinArguments& arguments) {
  RejoinBenchOptions& options = arguments.options;
  TRY_ASSIGN(options.spec, preset_run_spec(arguments.spec));
  options.spec.network.sealed_uploads = false;  // what is read here is a validator's copies, or as large
  options.spec.model = bench_model(arguments.millions);
  options.spec.inner.sequence_length = 64;  // nothing is trained
  TRY(apply_changes(options.spec, arguments.set));
  TRY_ASSIGN(const auto folder, WorkFolder::create(arguments.folder));
  options.folder = folder->path;
  options.on_step = show_progress;
  TRY_ASSIGN(const RejoinBenchReport report, run_rejoin_bench(options));
  end_progress();
  if (arguments.json) {
    print("{}\n", report_json(report, options));
  } else {
    print_report(report, options);
  }
  return {};
}

}  // namespace

void add_rejoin_bench_command(Verb bench) {
  auto arguments = std::make_shared<RejoinArguments>();
  RejoinBenchOptions& options = arguments->options;
  options.threads = bench_threads();
  Verb verb = bench.add_verb("rejoin",
                             "Coming back after some windows: time beside that of loading, decoding and "
                             "stepping one after the other");
  verb.add_options(
      {{"--millions",
        &arguments->millions,
        "Parameters, in millions: layers of the preset 150M's shapes",
        {.allowed = IntegerRange{1, 100'000}, .shows_default = true}},
       {"--spec",
        &arguments->spec,
        "Preset whose codec and outer step are measured",
        {.shows_default = true}},
       {"--set", &arguments->set, "Change a field of it, FIELD=VALUE; may be repeated"},
       {"--away",
        &options.away,
        "Windows that the node was away",
        {.allowed = IntegerRange{1, 100'000}, .shows_default = true}},
       {"--contributions",
        &options.contributions,
        "Contributions in each window",
        {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
       {"--threads", &options.threads, "Threads", {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
       {"--rounds",
        &options.rounds,
        "Rounds, of which the best counts",
        {.allowed = IntegerRange{1, 1000}, .shows_default = true}},
       {"--folder",
        &arguments->folder,
        "The run's object store is made in a new folder there",
        {.shows_default = true}},
       {"--json", &arguments->json, "Print the report as JSON"}});
  verb.runs([arguments] { return bench_rejoin(*arguments); });
}

}  // namespace templar
