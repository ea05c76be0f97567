// Multiple-choice tasks: files of questions in a folder, and the scores of a model on them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "evaluation/question.h"
#include "ports/tokenizer.h"

namespace templar {

// How many solved examples stand before each question.
struct ExampleCounts {
  int64_t all = 0;                   // of the tasks that are not named
  std::map<TaskKind, int64_t> some;  // of those that are
  [[nodiscard]] int64_t of(TaskKind kind) const;
};
// Each text is "N" or "<task>=N". Fails (fatal) on anything else.
[[nodiscard]] Result<ExampleCounts> parse_example_counts(const std::vector<std::string>& texts);

struct TaskOptions {
  int64_t limit = 0;  // the first so many questions of a task, or of each of its subjects; 0: all
  ExampleCounts examples;
};

struct Task {
  TaskKind kind = TaskKind::kArcEasy;
  std::vector<Question> questions;
  int64_t example_count = 0;
  int64_t left_out = 0;  // questions that can't be scored, see leave_out_unscorable()
  // By subject ("" where there is none): description and solved examples.
  std::map<std::string, std::string> preambles;
  // Before a question's own context.
  [[nodiscard]] const std::string& preamble_of(const Question& question) const {
    return preambles.at(question.subject);
  }
};

// A task for each "<task>.jsonl" in the folder, by name; its examples are the first of
// "<task>.fewshot.jsonl", of the question's subject where there are subjects. Fails (fatal): no task, a
// .jsonl file of another name, too few examples, a file that can't be read or is larger than 1 GiB, and as
// parse_questions does.
[[nodiscard]] Result<std::vector<Task>> load_tasks(const std::filesystem::path& folder,
                                                   const TaskOptions& options);

// Takes out the questions that score_task() would fail at, counts them in the task and returns why the first
// of them can't be scored; nullopt if all can. Fails (fatal), with that reason, if none can. To be called
// once, before the first scoring: what it takes is the time to tokenise the task.
[[nodiscard]] Result<std::optional<std::string>> leave_out_unscorable(Task& task, const Tokenizer& tokenizer,
                                                                      int64_t max_tokens);

// Shares of the questions, as the harness defines them. Of equally good choices the first counts as chosen.
struct TaskScore {
  TaskKind kind = TaskKind::kArcEasy;
  int64_t questions = 0;
  double acc = 0;  // the most probable choice is right: summed log-probabilities of its continuation's tokens
  double acc_norm = 0;   // likewise, divided by the choice's length in characters
  double acc_bytes = 0;  // likewise, in bytes of UTF-8
  // acc_norm where the harness reports it, otherwise acc; and its standard error, √(p(1−p)/(n−1)).
  [[nodiscard]] double score() const;
  [[nodiscard]] double standard_error() const;
};

// max_tokens: what the model can read. A context that is too long loses its beginning. Fails (fatal), naming
// task and question, where a choice alone is too long or has no tokens, and as the engine does.
[[nodiscard]] Result<TaskScore> score_task(const Task& task, const Tokenizer& tokenizer, Engine& engine,
                                           int64_t max_tokens);

// A choice in tokens. The context's trailing white space counts to the continuation, whose tokens are those
// that the whole text has beyond the context's; an empty context becomes the document separator. Fails as
// score_task does, without naming the question.
struct TokenisedChoice {
  std::vector<uint32_t> tokens;  // at most max_tokens + 1: the last one is only predicted
  int64_t context = 0;
};
[[nodiscard]] Result<TokenisedChoice> tokenise_choice(const Tokenizer& tokenizer, const ChoiceText& text,
                                                      int64_t max_tokens);

// Which of a question's choices are chosen, from the summed log-probability of each.
struct ChosenAnswers {
  size_t by_sum = 0;
  size_t by_characters = 0;
  size_t by_bytes = 0;
};
[[nodiscard]] ChosenAnswers choose(const Question& question, const std::vector<double>& log_probabilities);

}  // namespace templar
