#include "app/bench/measure/measure_evaluate.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/clock.h"
#include "base/random.h"
#include "engine/cpu_engine.h"

namespace templar {
namespace {

struct Sequence {
  std::vector<uint32_t> tokens;
  int64_t context = 0;
};

class QuestionMaker {
 public:
  explicit QuestionMaker(int64_t vocab_size)
      : vocab_size_(static_cast<uint64_t>(vocab_size)), random_(1, "bench evaluate") {}

  // Choices of one question lie side by side.
  std::vector<Sequence> make(const QuestionShape& shape, int64_t questions) {
    std::vector<Sequence> sequences;
    const std::vector<uint32_t> examples = tokens(shape.examples);
    for (int64_t question = 0; question < questions; ++question) {
      Sequence context{examples, 0};
      append(context.tokens, tokens(about(shape.context)));
      context.context = static_cast<int64_t>(context.tokens.size());
      for (int64_t choice = 0; choice < shape.choices; ++choice) {
        append(sequences.emplace_back(context).tokens, tokens(about(shape.choice)));
      }
    }
    return sequences;
  }

 private:
  int64_t about(int64_t count) {
    const int64_t half = count / 2;
    return count - half + static_cast<int64_t>(random_.next() % static_cast<uint64_t>(2 * half + 1));
  }
  std::vector<uint32_t> tokens(int64_t count) {
    std::vector<uint32_t> drawn(static_cast<size_t>(count));
    for (uint32_t& token : drawn) token = static_cast<uint32_t>(random_.next() % vocab_size_);
    return drawn;
  }
  static void append(std::vector<uint32_t>& to, const std::vector<uint32_t>& tokens) {
    to.insert(to.end(), tokens.begin(), tokens.end());
  }

  uint64_t vocab_size_;
  Random random_;
};

// The sequences in calls of so many each.
Result<std::vector<double>> score_in_calls(Engine& engine, std::span<const ScoredSequence> sequences,
                                           size_t a_call) {
  std::vector<double> log_probabilities;
  for (size_t first = 0; first < sequences.size(); first += a_call) {
    TRY_ASSIGN(const auto scores, engine.score_continuations(
                                      sequences.subspan(first, std::min(a_call, sequences.size() - first))));
    for (const ContinuationScore& score : scores) log_probabilities.push_back(score.log_probability);
  }
  return log_probabilities;
}

struct Way {
  size_t sequences_a_call = 1;
  double seconds = std::numeric_limits<double>::infinity();
  std::vector<double> log_probabilities;
};

}  // namespace

std::vector<QuestionShape> common_question_shapes() {
  return {{.name = "arc", .context = 30, .choice = 6},
          {.name = "hellaswag", .context = 50, .choice = 24},
          {.name = "mmlu, 5 examples", .examples = 500, .context = 90, .choice = 1}};
}

Result<EvaluateBenchReport> run_evaluate_bench(const EvaluateBenchOptions& options,
                                               const QuestionShape& shape) {
  InnerSpec inner;
  inner.sequence_length = options.sequence;
  TRY_ASSIGN(const std::unique_ptr<Engine> engine, make_cpu_engine(options.model, inner,
                                                                   {.threads = options.threads,
                                                                    .precision = options.precision,
                                                                    .micro_batch = options.micro_batch,
                                                                    .use = EngineUse::kEvaluating}));
  TRY(engine->edit_parameters([&](ParameterSpans parameters) -> Status {
    initialise_parameters(engine->layout(), options.model, 1, parameters);
    return {};
  }));
  const std::vector<Sequence> made = QuestionMaker(options.model.vocab_size).make(shape, options.questions);
  std::vector<ScoredSequence> sequences;
  for (const Sequence& sequence : made) sequences.push_back({sequence.tokens, sequence.context});

  Way alone{.sequences_a_call = 1};
  Way by_question{.sequences_a_call = static_cast<size_t>(shape.choices)};
  Way together{.sequences_a_call = sequences.size()};
  // One more round before the measured ones: the first product of a size compiles its kernel.
  for (int round = 0; round <= options.rounds; ++round) {
    for (Way* way : {&alone, &by_question, &together}) {
      const Stopwatch watch;
      TRY_ASSIGN(way->log_probabilities, score_in_calls(*engine, sequences, way->sequences_a_call));
      if (round > 0) way->seconds = std::min(way->seconds, watch.seconds());
    }
  }
  EvaluateBenchReport report{shape, alone.seconds, by_question.seconds, together.seconds, 0};
  for (size_t i = 0; i < sequences.size(); ++i) {
    report.largest_difference = std::max(
        report.largest_difference, std::abs(alone.log_probabilities[i] - together.log_probabilities[i]));
  }
  return report;
}

}  // namespace templar
