#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/task.h"
#include "evaluation/unicode_text.h"

namespace templar {
namespace {

// Tokens given to the engine at once: enough to fill its passes many times and to bring together what begins
// alike.
constexpr size_t kTokensAtOnce = size_t{1} << 18;

// numpy's argmax, which the harness chooses by: the first of the highest, a NaN being above all.
size_t index_of_highest(const std::vector<double>& values) {
  size_t highest = 0;
  for (size_t i = 1; i < values.size() && !std::isnan(values[highest]); ++i) {
    if (values[i] > values[highest] || std::isnan(values[i])) highest = i;
  }
  return highest;
}

template <typename Length>
size_t choose_by(const Question& question, std::vector<double> values, const Length& length) {
  for (size_t i = 0; i < values.size(); ++i) values[i] /= static_cast<double>(length(question.choices[i]));
  return index_of_highest(values);
}

// The question's choices in tokens, with what stands before them.
Result<std::vector<TokenisedChoice>> tokenise_question(const Task& task, const Tokenizer& tokenizer,
                                                       int64_t max_tokens, size_t index) {
  const Question& question = task.questions[index];
  const std::string& preamble = task.preamble_of(question);
  std::vector<TokenisedChoice> choices;
  for (size_t choice = 0; choice < question.choices.size(); ++choice) {
    ChoiceText text = choice_text(question, choice);
    text.context.insert(0, preamble);
    auto tokenised = tokenise_choice(tokenizer, text, max_tokens);
    if (!tokenised) {
      return annotate(tokenised.error(), fmt::format("task {}: question {}, choice {}",
                                                     task_form(task.kind).name, index + 1, choice + 1));
    }
    choices.push_back(*std::move(tokenised));
  }
  return choices;
}

// Questions whose choices are scored together.
class Batch {
 public:
  Batch(const Task& task, const Tokenizer& tokenizer, int64_t max_tokens)
      : task_(task), tokenizer_(tokenizer), max_tokens_(max_tokens) {}

  [[nodiscard]] bool is_full() const { return tokens_ >= kTokensAtOnce; }

  Status add(size_t index) {
    TRY_ASSIGN(std::vector<TokenisedChoice> choices,
               tokenise_question(task_, tokenizer_, max_tokens_, index));
    for (TokenisedChoice& choice : choices) {
      tokens_ += choice.tokens.size();
      choices_.push_back(std::move(choice));
    }
    questions_.push_back(index);
    return {};
  }

  // Adds to the counts of right answers, and forgets the questions.
  Status score(Engine& engine, TaskScore& counts) {
    std::vector<ScoredSequence> sequences;
    for (const TokenisedChoice& choice : choices_) sequences.push_back({choice.tokens, choice.context});
    TRY_ASSIGN(const std::vector<ContinuationScore> scores, engine.score_continuations(sequences));
    size_t next = 0;
    for (const size_t index : questions_) {
      const Question& question = task_.questions[index];
      std::vector<double> log_probabilities;
      for (size_t i = 0; i < question.choices.size(); ++i)
        log_probabilities.push_back(scores[next++].log_probability);
      const ChosenAnswers chosen = choose(question, log_probabilities);
      ++counts.questions;
      counts.acc += chosen.by_sum == question.answer ? 1 : 0;
      counts.acc_norm += chosen.by_characters == question.answer ? 1 : 0;
      counts.acc_bytes += chosen.by_bytes == question.answer ? 1 : 0;
    }
    choices_.clear();
    questions_.clear();
    tokens_ = 0;
    return {};
  }

 private:
  const Task& task_;
  const Tokenizer& tokenizer_;
  int64_t max_tokens_;
  std::vector<TokenisedChoice> choices_;
  std::vector<size_t> questions_;
  size_t tokens_ = 0;
};

}  // namespace

double TaskScore::score() const {
  return task_form(kind).has_acc_norm ? acc_norm : acc;
}

double TaskScore::standard_error() const {
  if (questions < 2) return 0;
  return std::sqrt(score() * (1 - score()) / static_cast<double>(questions - 1));
}

ChosenAnswers choose(const Question& question, const std::vector<double>& log_probabilities) {
  return {
      .by_sum = index_of_highest(log_probabilities),
      .by_characters = choose_by(question, log_probabilities, code_points),
      .by_bytes = choose_by(question, log_probabilities, [](std::string_view text) { return text.size(); })};
}

Result<TokenisedChoice> tokenise_choice(const Tokenizer& tokenizer, const ChoiceText& text,
                                        int64_t max_tokens) {
  const std::string_view context = stripped_right(text.context);
  const std::string whole = text.context + text.continuation;
  std::vector<uint32_t> before = tokenizer.encode(context);
  const std::vector<uint32_t> all = tokenizer.encode(whole);
  if (text.continuation.find_first_not_of(' ') == std::string::npos) return fatal_error("it is empty");
  if (all.size() <= before.size())
    return fatal_error("it adds no token to its context: the tokenizer joins the two");
  const size_t continuation = all.size() - before.size();
  if (continuation > static_cast<size_t>(max_tokens)) {
    return fatal_error(fmt::format("it has {} tokens, this model reads {}", continuation, max_tokens));
  }
  if (before.empty()) before = {tokenizer.separator_id()};
  const size_t kept = std::min(before.size(), static_cast<size_t>(max_tokens) + 1 - continuation);
  TokenisedChoice choice{.tokens = {before.end() - static_cast<std::ptrdiff_t>(kept), before.end()},
                         .context = static_cast<int64_t>(kept)};
  choice.tokens.insert(choice.tokens.end(), all.end() - static_cast<std::ptrdiff_t>(continuation), all.end());
  return choice;
}

Result<std::optional<std::string>> leave_out_unscorable(Task& task, const Tokenizer& tokenizer,
                                                        int64_t max_tokens) {
  std::vector<Question> scorable;
  std::optional<std::string> reason;
  for (size_t index = 0; index < task.questions.size(); ++index) {
    auto choices = tokenise_question(task, tokenizer, max_tokens, index);
    if (choices) {
      scorable.push_back(task.questions[index]);
    } else if (!reason) {
      reason = std::move(choices).error().message;
    }
  }
  if (scorable.empty()) return fatal_error("no question of this task can be scored: " + reason.value_or(""));
  task.left_out += static_cast<int64_t>(task.questions.size() - scorable.size());
  task.questions = std::move(scorable);
  return reason;
}

Result<TaskScore> score_task(const Task& task, const Tokenizer& tokenizer, Engine& engine,
                             int64_t max_tokens) {
  TaskScore counts{.kind = task.kind};
  Batch batch(task, tokenizer, max_tokens);
  for (size_t index = 0; index < task.questions.size(); ++index) {
    TRY(batch.add(index));
    if (batch.is_full() || index + 1 == task.questions.size()) TRY(batch.score(engine, counts));
  }
  const auto count = static_cast<double>(counts.questions);
  TaskScore score = counts;
  score.acc /= count;
  score.acc_norm /= count;
  score.acc_bytes /= count;
  return score;
}

}  // namespace templar
