#include "app/bench/gradient_commands.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/bench/bench_progress.h"
#include "app/bench/measure_aggregate.h"
#include "app/bench/measure_codec.h"
#include "app/verbs/command.h"
#include "app/world/node_world.h"

namespace templar {
namespace {

constexpr double kBitsOfF32 = 32;

struct GradientArguments {
  int64_t millions = 200;
  std::vector<std::string> files;
  std::string spec = "150M";
  std::vector<std::string> set;
  int threads = 2;
  int rounds = 5;
  int contributions = 8;
  bool growth = true;
  int64_t growth_millions = 16;
  bool json = false;
};

Result<RunSpec> spec_of(const GradientArguments& arguments) {
  TRY_ASSIGN(RunSpec spec, preset_run_spec(arguments.spec));
  TRY(apply_changes(spec, arguments.set));
  return spec;
}

void print_row(const char* what, double seconds, const MemcpySeconds& memcpy, int64_t parameters) {
  fmt::print("  {:<44} {:>9.1f} ms {:>7.2f} {:>7.2f} {:>9.0f}\n", what, seconds * 1e3,
             seconds / memcpy.one_call, seconds / memcpy.team,
             static_cast<double>(parameters) / seconds / 1e6);
}

void print_head(int64_t parameters, const MemcpySeconds& memcpy, int threads, int rounds) {
  const double bytes = static_cast<double>(parameters) * sizeof(float);
  fmt::print("{:.1f} M parameters, {} thread{}, best of {}\n", static_cast<double>(parameters) / 1e6, threads,
             threads == 1 ? "" : "s", rounds);
  fmt::print("memcpy of the same bytes: {:.1f} ms in one call ({:.1f} GB/s), {:.1f} ms by all threads\n\n",
             memcpy.one_call * 1e3, bytes / memcpy.one_call / 1e9, memcpy.team * 1e3);
  fmt::print("  {:<44} {:>12} {:>7} {:>7} {:>9}\n", "", "time", "/memcpy", "/team", "M par./s");
}

void print_report(const CodecBenchReport& report, const GradientArguments& arguments) {
  print_head(report.parameters, report.memcpy, arguments.threads, arguments.rounds);
  print_row("compress", report.plain.compress_seconds, report.memcpy, report.parameters);
  print_row("  and code", report.plain.seconds(), report.memcpy, report.parameters);
  print_row("compress DCT coefficients", report.dct.compress_seconds, report.memcpy, report.parameters);
  print_row("  and code", report.dct.seconds(), report.memcpy, report.parameters);
  const double density = static_cast<double>(report.kept) / static_cast<double>(report.parameters);
  fmt::print("\n  {:.3f} bits a position, {:.3f} bits a value with all headers: 1/{:.1f} of f32\n",
             report.index_bits, report.bits_per_value, kBitsOfF32 / (report.bits_per_value * density));
}

std::string report_json(const CodecBenchReport& report, const GradientArguments& arguments) {
  nlohmann::ordered_json json;
  json["parameters"] = report.parameters;
  json["threads"] = arguments.threads;
  json["memcpy_seconds"] = report.memcpy.one_call;
  json["team_memcpy_seconds"] = report.memcpy.team;
  json["compress_over_memcpy"] = report.plain.seconds() / report.memcpy.one_call;
  json["compress_dct_over_memcpy"] = report.dct.seconds() / report.memcpy.one_call;
  json["compress_over_team_memcpy"] = report.plain.seconds() / report.memcpy.team;
  json["compress_dct_over_team_memcpy"] = report.dct.seconds() / report.memcpy.team;
  json["code_over_memcpy"] = report.plain.code_seconds / report.memcpy.one_call;
  json["index_bits"] = report.index_bits;
  json["bits_per_value"] = report.bits_per_value;
  return json.dump(2);
}

void print_quantisers(const std::string& file, const std::vector<QuantiserReport>& reports) {
  fmt::print("\n{}\n  {:<14} {:<6} {:>14} {:>14} {:>12}\n", file, "quantiser", "", "relative error",
             "bits a position", "bits a value");
  for (const QuantiserReport& report : reports) {
    fmt::print("  {:<14} {:<6} {:>14.4f} {:>15.3f} {:>12.3f}\n", report.name, report.use_dct ? "DCT" : "",
               report.relative_error, report.index_bits, report.bits_per_value);
  }
}

nlohmann::ordered_json quantisers_json(const std::vector<QuantiserReport>& reports) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const QuantiserReport& report : reports) {
    list.push_back({{"quantiser", report.name},
                    {"use_dct", report.use_dct},
                    {"relative_error", report.relative_error},
                    {"index_bits", report.index_bits},
                    {"bits_per_value", report.bits_per_value}});
  }
  return list;
}

// On files: what the quantisers make of each.
Status bench_quantisers(const GradientArguments& arguments, const CodecSpec& codec) {
  ThreadTeam team(arguments.threads);
  nlohmann::ordered_json json;
  for (const std::string& file : arguments.files) {
    TRY_ASSIGN(const BenchGradient gradient, load_gradient(file));
    TRY_ASSIGN(const auto reports, compare_quantisers(gradient, codec, team));
    if (arguments.json) json[file] = quantisers_json(reports);
    if (!arguments.json) print_quantisers(file, reports);
  }
  if (arguments.json) fmt::print("{}\n", json.dump(2));
  return {};
}

Status bench_codec(const GradientArguments& arguments) {
  TRY_ASSIGN(const RunSpec spec, spec_of(arguments));
  if (arguments.files.size() > 1) return bench_quantisers(arguments, spec.codec);
  CodecBenchOptions options{
      .codec = spec.codec, .threads = arguments.threads, .rounds = arguments.rounds, .on_round = {}};
  options.on_round = [&](int round) {
    show_progress(fmt::format("round {} of {}", round + 1, arguments.rounds));
  };
  if (arguments.files.empty()) show_progress("making a pseudo-gradient");
  BenchGradient gradient = synthetic_gradient({{"none", {1}}}, 0);
  if (arguments.files.empty()) {
    gradient = synthetic_gradient(bench_layout(arguments.millions), 1);
  } else {
    TRY_ASSIGN(gradient, load_gradient(arguments.files.front()));
  }
  TRY_ASSIGN(const CodecBenchReport report, run_codec_bench(gradient, options));
  end_progress();
  if (arguments.json) {
    fmt::print("{}\n", report_json(report, arguments));
  } else {
    print_report(report, arguments);
    if (!arguments.files.empty()) return bench_quantisers(arguments, spec.codec);
  }
  return {};
}

int64_t memory_growth(const AggregateBenchReport& report) {
  return report.growth.empty()
             ? 0
             : report.growth.back().peak_memory_bytes - report.growth.front().peak_memory_bytes;
}

void print_report(const AggregateBenchReport& report, const GradientArguments& arguments) {
  print_head(report.parameters, report.memcpy, arguments.threads, arguments.rounds);
  print_row(fmt::format("decode, add and step, {} contributions", arguments.contributions).c_str(),
            report.plain_seconds, report.memcpy, report.parameters);
  print_row("  of DCT coefficients", report.dct_seconds, report.memcpy, report.parameters);
  fmt::print(
      "\n  {:.1f} ns a value on each thread; checking one contribution takes {:.1f} ms on one thread\n",
      report.plain_seconds * arguments.threads / static_cast<double>(report.kept) * 1e9,
      report.parse_seconds * 1e3);
  if (report.growth.empty()) return;
  fmt::print("\n  {:>13} {:>10} {:>12} {:>12} {:>14}\n", "contributions", "time", "ns a value", "peak memory",
             "growth");
  for (const GrowthPoint& point : report.growth) {
    fmt::print("  {:>13} {:>7.1f} ms {:>12.2f} {:>9.2f} MB {:>11.2f} MB\n", point.contributions,
               point.seconds * 1e3, point.seconds / static_cast<double>(point.kept) * 1e9,
               static_cast<double>(point.peak_memory_bytes) / 1e6,
               static_cast<double>(point.peak_memory_bytes - report.growth.front().peak_memory_bytes) / 1e6);
  }
  fmt::print("  ({:.1f} M parameters; memory besides the model and the files that contributions lie in)\n",
             static_cast<double>(report.growth_parameters) / 1e6);
}

std::string report_json(const AggregateBenchReport& report, const GradientArguments& arguments) {
  nlohmann::ordered_json json;
  const std::string name = fmt::format("aggregate{}", arguments.contributions);
  json["parameters"] = report.parameters;
  json["threads"] = arguments.threads;
  json["memcpy_seconds"] = report.memcpy.one_call;
  json["team_memcpy_seconds"] = report.memcpy.team;
  json[name + "_over_memcpy"] = report.plain_seconds / report.memcpy.one_call;
  json[name + "_dct_over_memcpy"] = report.dct_seconds / report.memcpy.one_call;
  json[name + "_over_team_memcpy"] = report.plain_seconds / report.memcpy.team;
  json[name + "_dct_over_team_memcpy"] = report.dct_seconds / report.memcpy.team;
  json["parse_seconds"] = report.parse_seconds;
  if (report.growth.empty()) return json.dump(2);
  json[fmt::format("peak_memory_growth_bytes_{}_to_{}", report.growth.front().contributions,
                   report.growth.back().contributions)] = memory_growth(report);
  for (const GrowthPoint& point : report.growth) {
    json["growth"].push_back({{"contributions", point.contributions},
                              {"kept", point.kept},
                              {"seconds", point.seconds},
                              {"peak_memory_bytes", point.peak_memory_bytes}});
  }
  return json.dump(2);
}

Status bench_aggregate(const GradientArguments& arguments) {
  AggregateBenchOptions options;
  TRY_ASSIGN(options.spec, spec_of(arguments));
  options.spec.algorithm = Algorithm::kSparseLoco;
  if (arguments.files.empty()) {
    options.layout = bench_layout(arguments.millions);
    options.gradient = [&](int number) -> Result<BenchGradient> {
      return synthetic_gradient(options.layout, static_cast<uint64_t>(number) + 1);
    };
  } else {
    TRY_ASSIGN(const BenchGradient first, load_gradient(arguments.files.front()));
    options.layout = first.layout;
    options.different_gradients = static_cast<int>(arguments.files.size());
    options.gradient = [&](int number) -> Result<BenchGradient> {
      const std::string& file = arguments.files[static_cast<size_t>(number)];
      TRY_ASSIGN(BenchGradient gradient, load_gradient(file));
      if (gradient.layout == options.layout) return gradient;
      return fatal_error(fmt::format("{}: has other tensors than {}", file, arguments.files.front()));
    };
  }
  options.contributions = arguments.contributions;
  options.threads = arguments.threads;
  options.rounds = arguments.rounds;
  if (arguments.growth) options.growth_layout = bench_layout(arguments.growth_millions);
  options.on_step = show_progress;
  TRY_ASSIGN(const AggregateBenchReport report, run_aggregate_bench(options));
  end_progress();
  if (arguments.json) {
    fmt::print("{}\n", report_json(report, arguments));
  } else {
    print_report(report, arguments);
  }
  return {};
}

void add_shared_options(CLI::App& verb, GradientArguments& arguments) {
  verb.add_option("--millions", arguments.millions,
                  "Parameters, in millions: layers of the preset 150M's shapes")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verb.add_option("--spec", arguments.spec, "Preset whose codec and outer step are measured")
      ->capture_default_str();
  verb.add_option("--set", arguments.set, "Change a field of it, FIELD=VALUE; may be repeated")->take_all();
  verb.add_option("--threads", arguments.threads, "Threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb.add_option("--rounds", arguments.rounds, "Rounds, of which the best counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb.add_flag("--json", arguments.json, "Print the report as JSON");
}

}  // namespace

void add_bench_codec_command(CLI::App& bench, int& exit_code) {
  auto arguments = std::make_shared<GradientArguments>();
  CLI::App* codec = bench.add_subcommand("codec",
                                         "Compression: time beside a memcpy of the same bytes, bits a "
                                         "position and a value; of files also what each "
                                         "quantiser makes of them");
  add_shared_options(*codec, *arguments);
  codec->add_option("--gradient", arguments->files,
                    "Measure on these safetensors files instead: written by --dump-pseudo-gradients, or a "
                    "model's; with several, "
                    "quantisers are compared and nothing is timed");
  codec->callback(
      [arguments, &exit_code] { exit_code = run_command([&] { return bench_codec(*arguments); }); });
}

void add_bench_aggregate_command(CLI::App& bench, int& exit_code) {
  auto arguments = std::make_shared<GradientArguments>();
  CLI::App* aggregate = bench.add_subcommand("aggregate",
                                             "Decoding, aggregation and outer step: time beside a memcpy of "
                                             "the same bytes, and how time and memory grow "
                                             "with the number of contributions");
  add_shared_options(*aggregate, *arguments);
  aggregate->add_option(
      "--gradient", arguments->files,
      "Contributions carry what these safetensors files hold, in turn: one a miner, written by "
      "--dump-pseudo-gradients, or a model's");
  aggregate->add_option("--contributions", arguments->contributions, "Contributions")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  aggregate->add_flag("--growth,!--no-growth", arguments->growth,
                      "Also with 8, 64 and 512 contributions to a smaller model");
  aggregate
      ->add_option("--growth-millions", arguments->growth_millions, "That model's parameters, in millions")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  aggregate->callback(
      [arguments, &exit_code] { exit_code = run_command([&] { return bench_aggregate(*arguments); }); });
}

}  // namespace templar
