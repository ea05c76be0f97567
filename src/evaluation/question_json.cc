#include "evaluation/question_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json/json_fields.h"
#include "evaluation/unicode_text.h"

namespace templar {
namespace {

// Fields of one line. The first one that is not as it should be is remembered; what is read after it is of no
// use. Fields that nobody asks for are passed over: the benchmarks' files have more than a question needs.
class Fields {
 public:
  explicit Fields(const JsonFields& fields) : fields_(fields) {}

  std::string text(std::string_view name) { return take(fields_.text(name)); }

  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> texts = take(fields_.texts(name));
    if (texts.size() >= 2 && texts.size() <= kMaxChoices) return texts;
    refuse(name, fmt::format("must be a list of 2 to {} texts", kMaxChoices));
    return {};
  }

  // choices: {"text": [...], "label": [...]}.
  struct Labelled {
    std::vector<std::string> texts;
    std::vector<std::string> labels;
  };
  Labelled labelled_choices() {
    Labelled labelled{texts("choices.text"), texts("choices.label")};
    if (labelled.texts.size() != labelled.labels.size())
      refuse("choices", "must have one label for each text");
    return labelled;
  }

  // An index below count, as a number or, HellaSwag's, as digits.
  size_t index(std::string_view name, size_t count) {
    const Json* value = take(fields_.value(name));
    if (value == nullptr) return 0;
    uint64_t number = value->count().value_or(count);
    const std::string* digits = value->text();
    if (digits != nullptr && digits->size() == 1 && digits->front() >= '0' && digits->front() <= '9') {
      number = static_cast<uint64_t>(digits->front() - '0');
    }
    if (number >= count)
      refuse(name, fmt::format("{} is not one of the choices 0 .. {}", brief(*value), count - 1));
    return static_cast<size_t>(number);
  }

  // The place of the answer's label among the labels.
  size_t labelled_index(std::string_view name, const std::vector<std::string>& labels) {
    const std::string given = text(name);
    const auto found = std::ranges::find(labels, std::string(stripped(given)));
    if (found != labels.end()) return static_cast<size_t>(found - labels.begin());
    refuse(name, fmt::format("{} is the label of no choice", brief(given)));
    return 0;
  }

  void refuse(std::string_view name, std::string_view what) {
    if (status_) status_ = fields_.error(name, what);
  }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  static std::string brief(const Json& value) {
    constexpr size_t kMost = 40;
    const std::string text = to_text(value, {.ascii = true});
    return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
  }
  template <typename T>
  T take(Result<T> value) {
    if (value) return std::move(*value);
    if (status_) status_ = std::unexpected(std::move(value).error());
    return T{};
  }

  JsonFields fields_;
  Status status_;
};

std::string asked(const std::string& question) {
  return "Question: " + question + "\nAnswer:";
}

Question arc_question(Fields& fields) {
  const std::string text = fields.text("question");
  auto choices = fields.labelled_choices();
  const size_t answer = fields.labelled_index("answerKey", choices.labels);
  return {.context = asked(text), .choices = std::move(choices.texts), .answer = answer};
}

Question openbookqa_question(Fields& fields) {
  std::string stem = fields.text("question_stem");
  auto choices = fields.labelled_choices();
  const size_t answer = fields.labelled_index("answerKey", choices.labels);
  return {.context = std::move(stem), .choices = std::move(choices.texts), .answer = answer};
}

Question piqa_question(Fields& fields) {
  const std::string goal = fields.text("goal");
  return {.context = asked(goal),
          .choices = {fields.text("sol1"), fields.text("sol2")},
          .answer = fields.index("label", 2)};
}

Question hellaswag_question(Fields& fields) {
  const std::string context =
      fields.text("activity_label") + ": " + fields.text("ctx_a") + " " + capitalised(fields.text("ctx_b"));
  std::vector<std::string> endings = fields.texts("endings");
  for (std::string& ending : endings) ending = without_wikihow_marks(ending);
  const size_t answer = fields.index("label", std::max<size_t>(endings.size(), 1));
  return {.context = without_wikihow_marks(context), .choices = std::move(endings), .answer = answer};
}

Question winogrande_question(Fields& fields) {
  const std::string sentence = fields.text("sentence");
  const size_t gap = sentence.find('_');
  if (gap == std::string::npos) {
    fields.refuse("sentence", "has no \"_\" where the options belong");
    return {};
  }
  const std::string before = sentence.substr(0, gap);
  Question question{.choices = {before + fields.text("option1"), before + fields.text("option2")},
                    .rest = std::string(stripped(std::string_view(sentence).substr(gap + 1)))};
  question.answer = fields.labelled_index("answer", {"1", "2"});
  return question;
}

Question mmlu_question(Fields& fields) {
  constexpr size_t kLetters = 4;
  const std::string text = fields.text("question");
  const std::vector<std::string> options = fields.texts("choices");
  Question question{.answer = fields.index("answer", kLetters), .subject = fields.text("subject")};
  if (options.size() != kLetters) {
    fields.refuse("choices", "must be a list of 4 texts");
    return question;
  }
  question.context = std::string(stripped(text)) + "\n";
  for (size_t i = 0; i < kLetters; ++i) {
    question.choices.emplace_back(1, static_cast<char>('A' + i));
    question.context += question.choices.back() + ". " + options[i] + "\n";
  }
  question.context += "Answer:";
  return question;
}

Question question_of(TaskKind kind, Fields& fields) {
  switch (kind) {
    case TaskKind::kArcChallenge:
    case TaskKind::kArcEasy:
      return arc_question(fields);
    case TaskKind::kHellaSwag:
      return hellaswag_question(fields);
    case TaskKind::kMmlu:
      return mmlu_question(fields);
    case TaskKind::kOpenBookQa:
      return openbookqa_question(fields);
    case TaskKind::kPiqa:
      return piqa_question(fields);
    case TaskKind::kWinoGrande:
      return winogrande_question(fields);
  }
  return {};
}

}  // namespace

std::string without_wikihow_marks(std::string_view text) {
  const std::string joined = replaced(stripped(text), " [title]", ". ");
  std::string kept;
  for (size_t at = 0; at < joined.size();) {
    const size_t open = std::min(joined.find('[', at), joined.size());
    kept.append(joined, at, open - at);
    // A mark does not go beyond its line.
    const size_t close = std::min(joined.find_first_of("]\n", open), joined.size());
    const bool is_mark = close < joined.size() && joined[close] == ']';
    if (!is_mark) kept.append(joined, open, close - open + 1);
    at = close + 1;
  }
  return replaced(kept, "  ", " ");
}

Result<Question> parse_question(TaskKind kind, std::string_view line) {
  if (stripped(line).empty()) return fatal_error("an empty line");
  TRY_ASSIGN(const Json object, parse_json(line));
  TRY_ASSIGN(const JsonFields object_fields, JsonFields::of(object, ""));
  Fields fields(object_fields);
  Question question = question_of(kind, fields);
  if (!fields.status()) return std::unexpected(fields.status().error());
  return question;
}

}  // namespace templar
