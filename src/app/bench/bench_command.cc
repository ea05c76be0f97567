// `templar bench`: how fast this machine does what a node does.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "app/bench/checkpoint_bench_command.h"
#include "app/bench/evaluate_command.h"
#include "app/bench/gradient_commands.h"
#include "app/bench/metrics_bench_command.h"
#include "app/bench/rejoin_command.h"
#include "app/bench/train_benchmark.h"
#include "app/verbs/command.h"
#include "app/world/options.h"

namespace templar {
namespace {

struct TrainArguments {
  TrainBenchOptions options;
  std::string precision = "f32";
  bool json = false;
};

void print_report(const TrainBenchReport& report, const TrainBenchOptions& options) {
  fmt::print("{:.2f} M parameters, batch {} x {} tokens, {} threads, {}\n",
             static_cast<double>(report.parameters) / 1e6, options.batch, options.sequence, options.threads,
             report.precision == Precision::kBf16 ? "bf16" : "f32");
  fmt::print("{:.0f} tokens/s, {:.1f} ms a step (median of {})\n", report.tokens_per_second,
             report.seconds_a_step * 1e3, options.steps);
  fmt::print("{:.1f} Gflop/s of matrix products, {:.0f} % of the {:.1f} Gflop/s that they reach alone\n\n",
             report.flops_per_second / 1e9, report.share_of_peak() * 100, report.peak_flops_per_second / 1e9);
  for (const TrainBenchPhase& phase : report.phases) {
    fmt::print("  {:<24} {:>8.2f} ms  {:>5.1f} %\n", phase.name, phase.seconds_a_step * 1e3,
               100 * phase.seconds_a_step / report.seconds_a_step);
  }
}

std::string report_json(const TrainBenchReport& report) {
  nlohmann::ordered_json json;
  json["parameters"] = report.parameters;
  json["precision"] = report.precision == Precision::kBf16 ? "bf16" : "f32";
  json["tokens_per_second"] = report.tokens_per_second;
  json["seconds_a_step"] = report.seconds_a_step;
  json["flops_per_second"] = report.flops_per_second;
  json["share_of_peak"] = report.share_of_peak();
  json["losses"] = report.losses;
  for (const TrainBenchPhase& phase : report.phases) json["phases"][phase.name] = phase.seconds_a_step;
  return json.dump(2);
}

Status bench_train(TrainArguments& arguments) {
  arguments.options.precision = parse_precision(arguments.precision);
  TRY_ASSIGN(const TrainBenchReport report, run_train_bench(arguments.options));
  if (arguments.json) {
    fmt::print("{}\n", report_json(report));
  } else {
    print_report(report, arguments.options);
  }
  return {};
}

}  // namespace

void add_bench_command(CLI::App& root, int& exit_code) {
  CLI::App* verb = root.add_subcommand("bench", "Measure this machine")->require_subcommand(1);
  auto arguments = std::make_shared<TrainArguments>();
  TrainBenchOptions& options = arguments->options;
  options.model = default_bench_model();
  CLI::App* train = verb->add_subcommand(
      "train", "Training speed: tokens/s, share of the matrix-product peak, time by phase");
  train->add_option("--threads", options.threads, "Threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  add_precision_option(*train, arguments->precision);
  train->add_option("--vocab", options.model.vocab_size, "Vocabulary")
      ->check(CLI::Range(2, 1 << 22))
      ->capture_default_str();
  train->add_option("--hidden", options.model.hidden_size, "Hidden size")
      ->check(CLI::Range(2, 1 << 17))
      ->capture_default_str();
  train->add_option("--layers", options.model.num_hidden_layers, "Layers")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  train->add_option("--heads", options.model.num_attention_heads, "Query heads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  train->add_option("--key-value-heads", options.model.num_key_value_heads, "Key and value heads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  train->add_option("--intermediate", options.model.intermediate_size, "Intermediate size")
      ->check(CLI::Range(1, 1 << 19))
      ->capture_default_str();
  train->add_option("--batch", options.batch, "Sequences of a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  train->add_option("--sequence", options.sequence, "Tokens of a sequence")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  train->add_option("--steps", options.steps, "Measured steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  train->add_flag("--json", arguments->json, "Print the report as JSON");
  train->callback(
      [arguments, &exit_code] { exit_code = run_command([&] { return bench_train(*arguments); }); });
  add_bench_codec_command(*verb, exit_code);
  add_bench_aggregate_command(*verb, exit_code);
  add_bench_checkpoint_command(*verb, exit_code);
  add_bench_rejoin_command(*verb, exit_code);
  add_bench_evaluate_command(*verb, exit_code);
  add_bench_metrics_command(*verb, exit_code);
}

}  // namespace templar
