// `templar bench aggregate`.
#include <fmt/format.h>

#include <memory>

#include "app/bench/bench_verbs.h"
#include "app/bench/gradient_arguments.h"
#include "app/bench/measure/bench_progress.h"
#include "app/bench/measure/measure_aggregate.h"
#include "app/terminal/standard_output.h"
#include "base/json/json.h"

namespace templar {
namespace {

struct AggregateArguments {
  GradientArguments gradient;
  int contributions = 8;
  bool growth = true;
  int64_t growth_millions = 16;
};

int64_t memory_growth(const AggregateBenchReport& report) {
  return report.growth.empty()
             ? 0
             : report.growth.back().peak_memory_bytes - report.growth.front().peak_memory_bytes;
}

void print_report(const AggregateBenchReport& report, const AggregateArguments& arguments) {
  print_gradient_head(report.parameters, report.memcpy, arguments.gradient.threads,
                      arguments.gradient.rounds);
  print_gradient_row(fmt::format("decode, add and step, {} contributions", arguments.contributions),
                     report.plain_seconds, report.memcpy, report.parameters);
  print_gradient_row("  of DCT coefficients", report.dct_seconds, report.memcpy, report.parameters);
  print("\n  {:.1f} ns a value on each thread; checking one contribution takes {:.1f} ms on one thread\n",
        report.plain_seconds * arguments.gradient.threads / static_cast<double>(report.kept) * 1e9,
        report.parse_seconds * 1e3);
  if (report.growth.empty()) return;
  print("\n  {:>13} {:>10} {:>12} {:>12} {:>14}\n", "contributions", "time", "ns a value", "peak memory",
        "growth");
  for (const GrowthPoint& point : report.growth) {
    print("  {:>13} {:>7.1f} ms {:>12.2f} {:>9.2f} MB {:>11.2f} MB\n", point.contributions,
          point.seconds * 1e3, point.seconds / static_cast<double>(point.kept) * 1e9,
          static_cast<double>(point.peak_memory_bytes) / 1e6,
          static_cast<double>(point.peak_memory_bytes - report.growth.front().peak_memory_bytes) / 1e6);
  }
  print("  ({:.1f} M parameters; memory besides the model and the files that contributions lie in)\n",
        static_cast<double>(report.growth_parameters) / 1e6);
}

std::string report_json(const AggregateBenchReport& report, const AggregateArguments& arguments) {
  Json json;
  const std::string name = fmt::format("aggregate{}", arguments.contributions);
  json["parameters"] = report.parameters;
  json["threads"] = arguments.gradient.threads;
  json["memcpy_seconds"] = report.memcpy.one_call;
  json["team_memcpy_seconds"] = report.memcpy.team;
  json[name + "_over_memcpy"] = report.plain_seconds / report.memcpy.one_call;
  json[name + "_dct_over_memcpy"] = report.dct_seconds / report.memcpy.one_call;
  json[name + "_over_team_memcpy"] = report.plain_seconds / report.memcpy.team;
  json[name + "_dct_over_team_memcpy"] = report.dct_seconds / report.memcpy.team;
  json["parse_seconds"] = report.parse_seconds;
  if (report.growth.empty()) return to_text(json, {.indent = 2});
  json[fmt::format("peak_memory_growth_bytes_{}_to_{}", report.growth.front().contributions,
                   report.growth.back().contributions)] = memory_growth(report);
  for (const GrowthPoint& point : report.growth) {
    json["growth"].push_back(JsonObject{{"contributions", point.contributions},
                                        {"kept", point.kept},
                                        {"seconds", point.seconds},
                                        {"peak_memory_bytes", point.peak_memory_bytes}});
  }
  return to_text(json, {.indent = 2});
}

Status bench_aggregate(const AggregateArguments& arguments) {
  AggregateBenchOptions options;
  TRY_ASSIGN(options.spec, spec_of(arguments.gradient));
  options.spec.algorithm = Algorithm::kSparseLoco;
  if (arguments.gradient.files.empty()) {
    options.layout = bench_layout(arguments.gradient.millions);
    options.gradient = [&](int number) -> Result<BenchGradient> {
      return synthetic_gradient(options.layout, static_cast<uint64_t>(number) + 1);
    };
  } else {
    TRY_ASSIGN(const BenchGradient first, load_gradient(arguments.gradient.files.front()));
    options.layout = first.layout;
    options.different_gradients = static_cast<int>(arguments.gradient.files.size());
    options.gradient = [&](int number) -> Result<BenchGradient> {
      const std::string& file = arguments.gradient.files[static_cast<size_t>(number)];
      TRY_ASSIGN(BenchGradient gradient, load_gradient(file));
      if (gradient.layout == options.layout) return gradient;
      return fatal_error(
          fmt::format("{}: has other tensors than {}", file, arguments.gradient.files.front()));
    };
  }
  options.contributions = arguments.contributions;
  options.threads = arguments.gradient.threads;
  options.rounds = arguments.gradient.rounds;
  if (arguments.growth) options.growth_layout = bench_layout(arguments.growth_millions);
  options.on_step = show_progress;
  TRY_ASSIGN(const AggregateBenchReport report, run_aggregate_bench(options));
  end_progress();
  if (arguments.gradient.json) {
    print("{}\n", report_json(report, arguments));
  } else {
    print_report(report, arguments);
  }
  return {};
}

}  // namespace

void add_aggregate_bench_command(Verb bench) {
  auto arguments = std::make_shared<AggregateArguments>();
  Verb verb = bench.add_verb("aggregate",
                             "Decoding, aggregation and outer step: time beside a memcpy of the same bytes, "
                             "and how time and memory grow with the number of contributions");
  verb.add_options(gradient_options(arguments->gradient));
  verb.add_options(
      {{"--gradient", &arguments->gradient.files,
        "Contributions carry what these safetensors files hold, in turn: one a miner, written by "
        "--dump-pseudo-gradients, or a model's"},
       {"--contributions",
        &arguments->contributions,
        "Contributions",
        {.allowed = IntegerRange{1, 1024}, .shows_default = true}},
       {"--growth,!--no-growth", &arguments->growth,
        "Also with 8, 64 and 512 contributions to a smaller model"},
       {"--growth-millions",
        &arguments->growth_millions,
        "That model's parameters, in millions",
        {.allowed = IntegerRange{1, 100'000}, .shows_default = true}}});
  verb.runs([arguments] { return bench_aggregate(*arguments); });
}

}  // namespace templar
