// Multiple-choice questions: read from JSON lines in each data set's own form, and turned into the text that
// EleutherAI's lm-evaluation-harness would make of them, so that scores compare.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace templar {

// The fields are those of the data sets on Hugging Face; others may stand beside them.
enum class TaskKind {
  kArcChallenge,  // question, choices {text, label}, answerKey
  kArcEasy,       // the same
  kHellaSwag,     // activity_label, ctx_a, ctx_b, endings, label
  kMmlu,          // question, choices, answer (0 .. 3), subject
  kOpenBookQa,    // question_stem, choices {text, label}, answerKey
  kPiqa,          // goal, sol1, sol2, label
  kWinoGrande,    // sentence with one "_", option1, option2, answer ("1" or "2")
};

struct TaskForm {
  TaskKind kind;
  const char* name;    // the harness's: "arc_easy"
  bool has_acc_norm;   // whether the harness reports it, and so which of the two is the task's score
  bool is_by_subject;  // examples, description and limit are each subject's own
};
// All of them, by name.
[[nodiscard]] const std::vector<TaskForm>& task_forms();
[[nodiscard]] const TaskForm& task_form(TaskKind kind);
[[nodiscard]] std::optional<TaskKind> find_task(std::string_view name);

struct Question {
  std::string context;               // before every choice
  std::vector<std::string> choices;  // two or more; acc_norm divides by their lengths
  size_t answer = 0;
  // Where the choices don't end the text but stand in it (WinoGrande), what follows each of them, and is
  // scored; the context is then empty.
  std::optional<std::string> rest;
  std::string subject;  // of tasks by subject
};

// What is asked of a choice: how probable the continuation is after the context. It begins with the space
// between the two.
struct ChoiceText {
  std::string context;
  std::string continuation;
};
[[nodiscard]] ChoiceText choice_text(const Question& question, size_t choice);

// The question with its answer, as an example before others.
[[nodiscard]] std::string solved_example(const Question& question);

// What stands before all of a task's questions on that subject; may be empty.
[[nodiscard]] std::string task_description(TaskKind kind, std::string_view subject);

inline constexpr size_t kMaxQuestionBytes = size_t{1} << 20;  // a line
inline constexpr size_t kMaxQuestions = 1'000'000;
inline constexpr size_t kMaxChoices = 26;

// One question a line. Fails (fatal) as "<name>:<line>: what is wrong": an empty line, one too long, no JSON,
// a field missing or of another type, an answer that is no choice, no question at all.
[[nodiscard]] Result<std::vector<Question>> parse_questions(TaskKind kind, std::string_view text,
                                                            std::string_view name);

}  // namespace templar
