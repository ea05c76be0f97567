// The first byte, a digit, chooses the task, the rest is its file: whatever it is, it is read or refused with
// a reason; what is read can be asked.
#include "base/bytes.h"
#include "base/check.h"
#include "evaluation/question.h"
#include "evaluation/unicode_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace templar;
  if (size == 0) return 0;
  const std::vector<TaskForm>& forms = task_forms();
  const TaskKind kind = forms[static_cast<uint8_t>(data[0] - '0') % forms.size()].kind;
  const auto questions = parse_questions(kind, as_text({data + 1, size - 1}), "fuzzed.jsonl");
  if (!questions) {
    CHECK(questions.error().message.starts_with("fuzzed.jsonl:"));
    return 0;
  }
  CHECK(!questions->empty());
  for (const Question& question : *questions) {
    CHECK(question.choices.size() >= 2 && question.choices.size() <= kMaxChoices &&
          question.answer < question.choices.size());
    for (size_t choice = 0; choice < question.choices.size(); ++choice) {
      CHECK(choice_text(question, choice).continuation.starts_with(" "));
      CHECK(code_points(question.choices[choice]) <= static_cast<int64_t>(question.choices[choice].size()));
    }
    CHECK(solved_example(question).ends_with("\n\n"));
  }
  return 0;
}
