#include "evaluation/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "base/files/file.h"

namespace templar {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 30;
constexpr std::string_view kTaskEnding = ".jsonl";
constexpr std::string_view kExamplesEnding = ".fewshot.jsonl";
constexpr int64_t kMostExamples = 1000;

std::string task_names() {
  std::vector<std::string> names;
  for (const TaskForm& form : task_forms()) names.emplace_back(form.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

Result<int64_t> parse_count(std::string_view text, std::string_view whole) {
  int64_t count = -1;
  const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc() && last == text.data() + text.size() && count >= 0 && count <= kMostExamples)
    return count;
  return fatal_error(
      fmt::format("number of examples '{}': must be N or TASK=N, N from 0 to {}, TASK one of {}", whole,
                  kMostExamples, task_names()));
}

Result<std::vector<Question>> read_questions(TaskKind kind, const std::filesystem::path& file) {
  TRY_ASSIGN(const Bytes bytes, read_file(file, kMaxFileBytes));
  return parse_questions(kind, as_text(bytes), file.string());
}

// The first `limit` of each subject; all without subjects are of one.
std::vector<Question> first_questions(std::vector<Question> questions, int64_t limit) {
  if (limit == 0) return questions;
  std::map<std::string, int64_t> taken;
  std::erase_if(questions, [&](const Question& question) { return ++taken[question.subject] > limit; });
  return questions;
}

Result<std::string> preamble(TaskKind kind, const std::string& subject, const std::vector<Question>& examples,
                             int64_t count, const std::filesystem::path& examples_file) {
  std::string text = task_description(kind, subject);
  int64_t found = 0;
  for (const Question& example : examples) {
    if (found == count) break;
    if (example.subject != subject) continue;
    text += solved_example(example);
    ++found;
  }
  if (found == count) return text;
  return fatal_error(fmt::format("{}: {} examples{} were asked for, there are {}", examples_file.string(),
                                 count, subject.empty() ? "" : " of subject " + subject, found));
}

Result<Task> load_task(TaskKind kind, const std::filesystem::path& folder, const TaskOptions& options) {
  const std::string name = task_form(kind).name;
  Task task{.kind = kind, .example_count = options.examples.of(kind)};
  TRY_ASSIGN(task.questions, read_questions(kind, folder / (name + std::string(kTaskEnding))));
  task.questions = first_questions(std::move(task.questions), options.limit);
  const std::filesystem::path examples_file = folder / (name + std::string(kExamplesEnding));
  std::vector<Question> examples;
  if (task.example_count > 0) {
    TRY_ASSIGN(examples, read_questions(kind, examples_file));
  }
  for (const Question& question : task.questions) {
    if (task.preambles.contains(question.subject)) continue;
    TRY_ASSIGN(task.preambles[question.subject],
               preamble(kind, question.subject, examples, task.example_count, examples_file));
  }
  return task;
}

}  // namespace

int64_t ExampleCounts::of(TaskKind kind) const {
  const auto named = some.find(kind);
  return named == some.end() ? all : named->second;
}

Result<ExampleCounts> parse_example_counts(const std::vector<std::string>& texts) {
  ExampleCounts counts;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      TRY_ASSIGN(counts.all, parse_count(text, text));
      continue;
    }
    const auto kind = find_task(text.substr(0, equals));
    TRY_ASSIGN(const int64_t count, parse_count(kind ? text.substr(equals + 1) : "", text));
    counts.some[*kind] = count;
  }
  return counts;
}

Result<std::vector<Task>> load_tasks(const std::filesystem::path& folder, const TaskOptions& options) {
  std::error_code failed;
  std::vector<TaskKind> kinds;
  for (auto entry = std::filesystem::directory_iterator(folder, failed);
       !failed && entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (!name.ends_with(kTaskEnding)) continue;
    const bool has_examples = name.ends_with(kExamplesEnding);
    const auto kind =
        find_task(name.substr(0, name.size() - (has_examples ? kExamplesEnding : kTaskEnding).size()));
    if (!kind) {
      return fatal_error(fmt::format(
          "{}: no task is called so; TASK.jsonl holds questions, TASK.fewshot.jsonl examples, TASK is "
          "one of {}",
          entry->path().string(), task_names()));
    }
    if (!has_examples) kinds.push_back(*kind);
  }
  if (failed)
    return fatal_error(fmt::format("tasks: can't list the folder {}: {}", folder.string(), failed.message()));
  if (kinds.empty()) {
    return fatal_error(
        fmt::format("tasks: folder {} has no TASK.jsonl, TASK one of {}", folder.string(), task_names()));
  }
  std::ranges::sort(kinds);
  std::vector<Task> tasks;
  for (const TaskKind kind : kinds) {
    TRY_ASSIGN(tasks.emplace_back(), load_task(kind, folder, options));
  }
  return tasks;
}

}  // namespace templar
