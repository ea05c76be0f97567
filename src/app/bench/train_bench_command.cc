// `templar bench train`.
#include <fmt/format.h>

#include <memory>

#include "app/bench/bench_verbs.h"
#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/measure_train.h"
#include "app/terminal/standard_output.h"
#include "app/world/device_option.h"
#include "app/world/precision_option.h"
#include "base/json/json.h"

namespace templar {
namespace {

// More than anybody waits for; their sum is a number, too.
constexpr int64_t kMostSteps = 1'000'000'000;

struct TrainArguments {
  TrainBenchOptions options;
  std::string beside;
  bool json = false;
};

void print_report(const TrainBenchReport& report, const TrainBenchOptions& options) {
  print("{:.2f} M parameters, batch {} x {} tokens, {} threads, {}\n",
        static_cast<double>(report.parameters) / 1e6, options.batch, options.sequence, options.threads,
        name_of(report.precision));
  if (!report.card.empty()) {
    print("{}, memory {:.2f} TB/s\n", report.card, report.copy_bytes_per_second / 1e12);
  }
  print("{:.0f} tokens/s, {:.1f} ms a step (median of {})\n", report.tokens_per_second,
        report.seconds_a_step * 1e3, options.steps);
  if (options.beside) {
    print("{:.2f} of the time of a step in {} beside it (median)\n", report.time_beside,
          name_of(*options.beside));
  }
  print("{:.1f} Gflop/s of matrix products, {:.0f} % of the {:.1f} Gflop/s that they reach alone\n\n",
        report.flops_per_second / 1e9, report.share_of_peak() * 100, report.peak_flops_per_second / 1e9);
  for (const TrainBenchPhase& phase : report.phases) {
    print("  {:<24} {:>8.2f} ms  {:>5.1f} %\n", phase.name, phase.seconds_a_step * 1e3,
          100 * phase.seconds_a_step / report.seconds_a_step);
  }
}

std::string report_json(const TrainBenchReport& report) {
  Json json;
  json["parameters"] = report.parameters;
  json["precision"] = name_of(report.precision);
  json["tokens_per_second"] = report.tokens_per_second;
  json["seconds_a_step"] = report.seconds_a_step;
  json["flops_per_second"] = report.flops_per_second;
  json["peak_flops_per_second"] = report.peak_flops_per_second;
  if (!report.card.empty()) {
    json["card"] = report.card;
    json["copy_bytes_per_second"] = report.copy_bytes_per_second;
    json["state_root_seconds"] = report.state_root_seconds;
  }
  if (report.time_beside > 0) json["time_beside"] = report.time_beside;
  json["share_of_peak"] = report.share_of_peak();
  json["losses"] = report.losses;
  for (const TrainBenchPhase& phase : report.phases) json["phases"][phase.name] = phase.seconds_a_step;
  return to_text(json, {.indent = 2});
}

Status bench_train(TrainArguments arguments) {
  arguments.options.beside = precision_named(arguments.beside);
  TRY_ASSIGN(const TrainBenchReport report, run_train_bench(arguments.options));
  if (arguments.json) {
    print("{}\n", report_json(report));
  } else {
    print_report(report, arguments.options);
  }
  return {};
}

}  // namespace

void add_train_bench_command(Verb bench) {
  auto arguments = std::make_shared<TrainArguments>();
  TrainBenchOptions& options = arguments->options;
  ModelSpec& model = options.model;
  options.threads = bench_threads();
  model = default_bench_model();
  const auto number = [](const char* name, auto& value, const char* help, AllowedValues allowed) {
    return Option{name, &value, help, {.allowed = std::move(allowed), .shows_default = true}};
  };
  Verb verb =
      bench.add_verb("train", "Training speed: tokens/s, share of the matrix-product peak, time by phase");
  verb.add_options(
      {number("--threads", options.threads, "Threads", IntegerRange{1, 1024}),
       precision_option(options.precision),
       {"--beside",
        &arguments->beside,
        "On the CPU: a second precision, whose steps are measured in turns with the first's",
        {.allowed = OneOf{precision_names()}}},
       device_option(options.card),
       {"!--any-order", &options.deterministic, "On a card: let attention's gradient add up in any order"},
       {"--recompute", &options.recompute_layers,
        "Keep of each layer only what enters it, compute the rest twice"},
       number("--micro-batch", options.micro_batch, "Sequences of a pass", AboveZero{}),
       number("--warmup", options.warmup_steps, "Steps before the measured ones",
              IntegerRange{0, kMostSteps}),
       number("--vocab", model.vocab_size, "Vocabulary", IntegerRange{2, 1 << 22}),
       number("--hidden", model.hidden_size, "Hidden size", IntegerRange{2, 1 << 17}),
       number("--layers", model.num_hidden_layers, "Layers", IntegerRange{1, 1024}),
       number("--heads", model.num_attention_heads, "Query heads", IntegerRange{1, 1024}),
       number("--key-value-heads", model.num_key_value_heads, "Key and value heads", IntegerRange{1, 1024}),
       number("--intermediate", model.intermediate_size, "Intermediate size", IntegerRange{1, 1 << 19}),
       number("--batch", options.batch, "Sequences of a step", AboveZero{}),
       number("--sequence", options.sequence, "Tokens of a sequence", IntegerRange{2, 1 << 20}),
       number("--steps", options.steps, "Measured steps", IntegerRange{1, kMostSteps}),
       {"--json", &arguments->json, "Print the report as JSON"}});
  verb.runs([arguments] { return bench_train(*arguments); });
}

}  // namespace templar
