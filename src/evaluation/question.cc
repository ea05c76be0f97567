#include "evaluation/question.h"

#include <fmt/format.h>

#include <algorithm>

#include "evaluation/question_json.h"
#include "evaluation/unicode_text.h"

namespace templar {
namespace {

// Between a context and its continuation, and between examples.
constexpr std::string_view kTargetDelimiter = " ";
constexpr std::string_view kExampleDelimiter = "\n\n";

}  // namespace

const std::vector<TaskForm>& task_forms() {
  static const std::vector<TaskForm> forms = {
      {TaskKind::kArcChallenge, "arc_challenge", true, false}, {TaskKind::kArcEasy, "arc_easy", true, false},
      {TaskKind::kHellaSwag, "hellaswag", true, false},        {TaskKind::kMmlu, "mmlu", false, true},
      {TaskKind::kOpenBookQa, "openbookqa", true, false},      {TaskKind::kPiqa, "piqa", true, false},
      {TaskKind::kWinoGrande, "winogrande", false, false},
  };
  return forms;
}

const TaskForm& task_form(TaskKind kind) {
  return *std::ranges::find(task_forms(), kind, &TaskForm::kind);
}

std::optional<TaskKind> find_task(std::string_view name) {
  const auto found = std::ranges::find(task_forms(), name, &TaskForm::name);
  return found == task_forms().end() ? std::nullopt : std::optional(found->kind);
}

ChoiceText choice_text(const Question& question, size_t choice) {
  const std::string delimiter(kTargetDelimiter);
  const std::string& text = question.choices[choice];
  if (question.rest) return {text, delimiter + *question.rest};
  return {question.context, delimiter + text};
}

std::string solved_example(const Question& question) {
  const ChoiceText text = choice_text(question, question.answer);
  return text.context + text.continuation + std::string(kExampleDelimiter);
}

std::string task_description(TaskKind kind, std::string_view subject) {
  if (kind != TaskKind::kMmlu) return "";
  return fmt::format("The following are multiple choice questions (with answers) about {}.\n\n",
                     replaced(subject, "_", " "));
}

Result<std::vector<Question>> parse_questions(TaskKind kind, std::string_view text, std::string_view name) {
  std::vector<Question> questions;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string where = fmt::format("{}:{}", name, questions.size() + 1);
    if (questions.size() == kMaxQuestions)
      return fatal_error(fmt::format("{}: more than {} questions", where, kMaxQuestions));
    if (end - begin > kMaxQuestionBytes) {
      return fatal_error(
          fmt::format("{}: a line of {} bytes, at most {} are read", where, end - begin, kMaxQuestionBytes));
    }
    auto question = parse_question(kind, text.substr(begin, end - begin));
    if (!question) return annotate(question.error(), where);
    questions.push_back(*std::move(question));
    begin = end + 1;
  }
  if (questions.empty()) return fatal_error(fmt::format("{}: no question in it", name));
  return questions;
}

}  // namespace templar
