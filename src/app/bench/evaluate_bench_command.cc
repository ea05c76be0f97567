// `templar bench evaluate`.
#include <fmt/format.h>

#include <cstdio>

#include "app/bench/bench_verbs.h"
#include "app/bench/measure/bench_model.h"
#include "app/bench/measure/measure_evaluate.h"
#include "app/bench/measure/measure_train.h"
#include "app/terminal/standard_output.h"
#include "app/world/precision_option.h"
#include "base/json/json.h"

namespace templar {
namespace {

struct EvaluateArguments {
  EvaluateBenchOptions options{.model = default_bench_model()};
  bool json = false;
};

void print_report(const EvaluateBenchReport& report, int64_t questions) {
  const auto row = [&](const char* what, double seconds) {
    print("  {:<40} {:>9.1f} ms {:>8.0f} questions/s {:>7.2f} x\n", what, seconds * 1e3,
          static_cast<double>(questions) / seconds, report.choice_by_choice / seconds);
  };
  print("{}: {} questions of {} choices; {} + {} + {} tokens\n", report.shape.name, questions,
        report.shape.choices, report.shape.examples, report.shape.context, report.shape.choice);
  row("each choice by itself", report.choice_by_choice);
  row("a question's choices together", report.question_by_question);
  row("all questions together", report.together);
  print("  largest difference {:.1e} nats\n\n", report.largest_difference);
  flush_output();
}

Json report_json(const EvaluateBenchReport& report) {
  return JsonObject{{"shape", report.shape.name},
                    {"choice_by_choice_s", report.choice_by_choice},
                    {"question_by_question_s", report.question_by_question},
                    {"together_s", report.together},
                    {"ratio", report.choice_by_choice / report.together},
                    {"largest_difference", report.largest_difference}};
}

Status bench_evaluate(const EvaluateArguments& arguments) {
  JsonList json;
  for (const QuestionShape& shape : common_question_shapes()) {
    TRY_ASSIGN(const EvaluateBenchReport report, run_evaluate_bench(arguments.options, shape));
    if (arguments.json) {
      json.push_back(report_json(report));
    } else {
      print_report(report, arguments.options.questions);
    }
  }
  if (arguments.json) print("{}\n", to_text(json, {.indent = 2}));
  return {};
}

}  // namespace

// Scores made-up multiple-choice questions choice by choice, question by question and all together.
void add_evaluate_bench_command(Verb bench) {
  auto arguments = std::make_shared<EvaluateArguments>();
  EvaluateBenchOptions& options = arguments->options;
  options.threads = bench_threads();
  ModelSpec& model = options.model;
  const auto number = [](const char* name, auto& value, const char* help, AllowedValues allowed) {
    return Option{name, &value, help, {.allowed = std::move(allowed), .shows_default = true}};
  };
  Verb verb = bench.add_verb(
      "evaluate", "Multiple-choice questions: choice by choice, and what they share computed once");
  verb.add_options(
      {number("--threads", options.threads, "Threads", IntegerRange{1, 1024}),
       precision_option(options.precision),
       number("--hidden", model.hidden_size, "Hidden size", IntegerRange{2, 1 << 17}),
       number("--layers", model.num_hidden_layers, "Layers", IntegerRange{1, 1024}),
       number("--intermediate", model.intermediate_size, "Intermediate size", IntegerRange{1, 1 << 19}),
       number("--vocab", model.vocab_size, "Vocabulary", IntegerRange{2, 1 << 22}),
       number("--questions", options.questions, "Questions", AboveZero{}),
       number("--rounds", options.rounds, "Rounds; the best counts", AboveZero{}),
       {"--json", &arguments->json, "Print the report as JSON"}});
  verb.runs([arguments] { return bench_evaluate(*arguments); });
}

}  // namespace templar
