#include "app/bench/evaluate_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/bench/measure_evaluate.h"
#include "app/bench/train_benchmark.h"
#include "app/verbs/command.h"
#include "app/world/options.h"

namespace templar {
namespace {

struct EvaluateArguments {
  EvaluateBenchOptions options{.model = default_bench_model()};
  std::string precision = "f32";
  bool json = false;
};

void print_report(const EvaluateBenchReport& report, int64_t questions) {
  const auto row = [&](const char* what, double seconds) {
    fmt::print("  {:<40} {:>9.1f} ms {:>8.0f} questions/s {:>7.2f} x\n", what, seconds * 1e3,
               static_cast<double>(questions) / seconds, report.choice_by_choice / seconds);
  };
  fmt::print("{}: {} questions of {} choices; {} + {} + {} tokens\n", report.shape.name, questions,
             report.shape.choices, report.shape.examples, report.shape.context, report.shape.choice);
  row("each choice by itself", report.choice_by_choice);
  row("a question's choices together", report.question_by_question);
  row("all questions together", report.together);
  fmt::print("  largest difference {:.1e} nats\n\n", report.largest_difference);
  std::fflush(stdout);
}

nlohmann::ordered_json report_json(const EvaluateBenchReport& report) {
  return {{"shape", report.shape.name},
          {"choice_by_choice_s", report.choice_by_choice},
          {"question_by_question_s", report.question_by_question},
          {"together_s", report.together},
          {"ratio", report.choice_by_choice / report.together},
          {"largest_difference", report.largest_difference}};
}

Status bench_evaluate(EvaluateArguments& arguments) {
  arguments.options.precision = parse_precision(arguments.precision);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const QuestionShape& shape : common_question_shapes()) {
    TRY_ASSIGN(const EvaluateBenchReport report, run_evaluate_bench(arguments.options, shape));
    if (arguments.json) {
      json.push_back(report_json(report));
    } else {
      print_report(report, arguments.options.questions);
    }
  }
  if (arguments.json) fmt::print("{}\n", json.dump(2));
  return {};
}

}  // namespace

void add_bench_evaluate_command(CLI::App& bench, int& exit_code) {
  auto arguments = std::make_shared<EvaluateArguments>();
  EvaluateBenchOptions& options = arguments->options;
  CLI::App* verb = bench.add_subcommand(
      "evaluate", "Multiple-choice questions: choice by choice, and what they share computed once");
  verb->add_option("--threads", options.threads, "Threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  add_precision_option(*verb, arguments->precision);
  verb->add_option("--hidden", options.model.hidden_size, "Hidden size")
      ->check(CLI::Range(2, 1 << 17))
      ->capture_default_str();
  verb->add_option("--layers", options.model.num_hidden_layers, "Layers")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  verb->add_option("--intermediate", options.model.intermediate_size, "Intermediate size")
      ->check(CLI::Range(1, 1 << 19))
      ->capture_default_str();
  verb->add_option("--vocab", options.model.vocab_size, "Vocabulary")
      ->check(CLI::Range(2, 1 << 22))
      ->capture_default_str();
  verb->add_option("--questions", options.questions, "Questions")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--rounds", options.rounds, "Rounds; the best counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--json", arguments->json, "Print the report as JSON");
  verb->callback(
      [arguments, &exit_code] { exit_code = run_command([&] { return bench_evaluate(*arguments); }); });
}

}  // namespace templar
