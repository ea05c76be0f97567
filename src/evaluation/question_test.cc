#include "evaluation/question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evaluation/question_json.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/fuzz_corpus.h"
#include "support/vectors.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;

std::vector<Question> questions_of(TaskKind kind) {
  const std::string name = std::string(task_form(kind).name) + ".jsonl";
  auto questions =
      parse_questions(kind, testing::text_of(testing::source_path("tests/vectors/tasks/" + name)), name);
  EXPECT_TRUE(questions) << questions.error().message;
  return questions.value_or(std::vector<Question>());
}

// "context|continuation" of each choice.
std::vector<std::string> texts_of(const Question& question) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < question.choices.size(); ++i) {
    const ChoiceText text = choice_text(question, i);
    texts.push_back(text.context + "|" + text.continuation);
  }
  return texts;
}

TEST(Question, OfArcIsAskedAndAnsweredByLabel) {
  const auto questions = questions_of(TaskKind::kArcEasy);
  ASSERT_EQ(questions.size(), 5u);
  EXPECT_THAT(texts_of(questions[0]),
              ElementsAre("Question: Which?\nAnswer:| a", "Question: Which?\nAnswer:| bbbb"));
  EXPECT_EQ(questions[0].answer, 1u);
  EXPECT_EQ(questions[1].answer, 0u) << "labels may be digits";
  EXPECT_EQ(solved_example(questions[0]), "Question: Which?\nAnswer: bbbb\n\n");
}

TEST(Question, OfHellaSwagIsCleanedAsItsAuthorsDo) {
  const auto questions = questions_of(TaskKind::kHellaSwag);
  ASSERT_EQ(questions.size(), 1u);
  EXPECT_THAT(questions[0].choices, ElementsAre("a", "bb ", " aa", "b"));
  EXPECT_EQ(questions[0].context, "Cooking: A man cooks. He stirs");
  EXPECT_EQ(questions[0].answer, 0u);
}

TEST(Question, OfHellaSwagLosesItsMarks) {
  EXPECT_EQ(without_wikihow_marks(" how to [title] start [step] now "), "how to. start now");
  EXPECT_EQ(without_wikihow_marks("[header] Go. [title]Stop"), " Go.. Stop");
  EXPECT_EQ(without_wikihow_marks("a    b"), "a  b") << "two pairs of spaces, not again what they become";
  EXPECT_EQ(without_wikihow_marks("a [b [c] d]"), "a d]") << "up to the first bracket that closes";
  EXPECT_EQ(without_wikihow_marks("a [b\nc] d"), "a [b\nc] d") << "not beyond the line";
  EXPECT_EQ(without_wikihow_marks("a [b"), "a [b");
  EXPECT_EQ(without_wikihow_marks(""), "");
}

TEST(Question, OfPiqaAndOpenBookQaHasItsOwnForm) {
  EXPECT_THAT(texts_of(questions_of(TaskKind::kPiqa).at(0)),
              ElementsAre("Question: To stop\nAnswer:| b", "Question: To stop\nAnswer:| bbb"));
  const auto open = questions_of(TaskKind::kOpenBookQa);
  EXPECT_THAT(texts_of(open.at(0)), ElementsAre("A dog is | a", "A dog is | b"));
  EXPECT_EQ(open.at(0).answer, 0u) << "white space before the label does not count";
}

TEST(Question, OfWinoGrandeAsksForWhatFollowsTheOption) {
  const auto questions = questions_of(TaskKind::kWinoGrande);
  EXPECT_THAT(texts_of(questions.at(0)), ElementsAre("The a| b", "The bob| b"));
  EXPECT_THAT(texts_of(questions.at(2)), ElementsAre("x| b", "a| b"));
  EXPECT_EQ(solved_example(questions.at(0)), "The a b\n\n");
}

TEST(Question, OfMmluListsItsOptions) {
  const auto questions = questions_of(TaskKind::kMmlu);
  EXPECT_EQ(questions.at(0).context, "What is 1+1?\nA. 2\nB. 3\nC. 4\nD. 5\nAnswer:");
  EXPECT_THAT(questions.at(0).choices, ElementsAre("A", "B", "C", "D"));
  EXPECT_EQ(questions.at(2).subject, "bees");
  EXPECT_EQ(questions.at(2).answer, 2u);
  EXPECT_EQ(task_description(TaskKind::kMmlu, "abstract_algebra"),
            "The following are multiple choice questions (with answers) about abstract algebra.\n\n");
}

struct BadLine {
  TaskKind kind;
  const char* line;
  const char* said;
};

TEST(Question, SaysWhereAndWhatIsWrong) {
  const BadLine lines[] = {
      {TaskKind::kPiqa, "", "an empty line"},
      {TaskKind::kPiqa, "{", "not JSON: "},
      {TaskKind::kPiqa, "[1]", "must be a JSON object"},
      {TaskKind::kPiqa, "{\"goal\": \"\xff\"}", "not JSON: "},
      {TaskKind::kPiqa, R"({"goal": "g", "sol1": "a", "label": 0})", "sol2: missing"},
      {TaskKind::kPiqa, R"({"goal": 7, "sol1": "a", "sol2": "b", "label": 0})", "goal: must be text"},
      {TaskKind::kPiqa, R"({"goal": "g", "sol1": "a", "sol2": "b", "label": 2})",
       "label: 2 is not one of the choices 0 .. 1"},
      {TaskKind::kPiqa, R"({"goal": "g", "sol1": "a", "sol2": "b", "label": -1})", "label: -1 is not one"},
      {TaskKind::kPiqa, R"({"goal": "g", "sol1": "a", "sol2": "b", "label": true})",
       "label: true is not one"},
      {TaskKind::kArcEasy, R"({"question": "q", "choices": ["a", "b"], "answerKey": "A"})",
       "choices.text: missing"},
      {TaskKind::kArcEasy,
       R"({"question": "q", "choices": {"text": ["a", "b"], "label": ["A"]}, "answerKey": "A"})",
       "choices.label: must be a list of 2 to 26 texts"},
      {TaskKind::kArcEasy,
       R"({"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B", "C"]}, "answerKey": "A"})",
       "choices: must have one label for each text"},
      {TaskKind::kArcEasy,
       R"({"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "C"})",
       "answerKey: \"C\" is the label of no choice"},
      {TaskKind::kHellaSwag,
       R"({"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": ["d", 4], "label": "0"})",
       "endings: must be a list of texts"},
      {TaskKind::kHellaSwag,
       R"({"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": ["d", "e"], "label": ""})",
       "label: \"\" is not one of the choices 0 .. 1"},
      {TaskKind::kWinoGrande, R"({"sentence": "no gap", "option1": "a", "option2": "b", "answer": "1"})",
       "sentence: has no"},
      {TaskKind::kWinoGrande, R"({"sentence": "a _", "option1": "a", "option2": "b", "answer": ""})",
       "answer: \"\" is the label"},
      {TaskKind::kMmlu, R"({"question": "q", "subject": "s", "choices": ["a", "b"], "answer": 1})",
       "choices: must be a list of 4"},
      {TaskKind::kMmlu, R"({"question": "q", "choices": ["a", "b", "c", "d"], "answer": 1})",
       "subject: missing"},
  };
  for (const BadLine& bad : lines) {
    const std::string good = testing::text_of(
        testing::source_path("tests/vectors/tasks/" + std::string(task_form(bad.kind).name) + ".jsonl"));
    const std::string text = good.substr(0, good.find('\n') + 1) + bad.line + "\n";
    EXPECT_TRUE(fails(parse_questions(bad.kind, text, "file.jsonl"), ErrorKind::kFatal,
                      std::string("file.jsonl:2: ") + bad.said))
        << bad.line;
  }
}

TEST(Question, FilesAreBounded) {
  EXPECT_TRUE(fails(parse_questions(TaskKind::kPiqa, "", "piqa.jsonl"), ErrorKind::kFatal,
                    "piqa.jsonl: no question in it"));
  const std::string line(kMaxQuestionBytes + 1, ' ');
  EXPECT_TRUE(fails(parse_questions(TaskKind::kPiqa, line, "piqa.jsonl"), ErrorKind::kFatal,
                    "piqa.jsonl:1: a line of 1048577"));
  std::string deep = R"({"goal": )" + std::string(100000, '[');
  EXPECT_TRUE(fails(parse_questions(TaskKind::kPiqa, deep, "piqa.jsonl"), ErrorKind::kFatal,
                    "piqa.jsonl:1: nested more than"));
}

TEST(Question, NeedsNoEndOfTheLastLineAndTakesAWindowsOne) {
  const std::string line = R"({"goal": "g", "sol1": "a", "sol2": "b", "label": 0})";
  EXPECT_EQ(parse_questions(TaskKind::kPiqa, line + "\r\n" + line, "piqa.jsonl").value().size(), 2u);
}

TEST(Question, IsOfATaskWithAName) {
  for (const TaskForm& form : task_forms()) EXPECT_EQ(find_task(form.name), form.kind);
  EXPECT_EQ(find_task("arc"), std::nullopt);
}

TEST(QuestionFuzzCorpus, IsTheProjectsTaskSet) {
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const TaskForm& form : task_forms()) {
    const auto path = testing::source_path("tests/vectors/tasks/" + std::string(form.name) + ".jsonl");
    if (!std::filesystem::exists(path)) continue;
    const std::string seed = static_cast<char>('0' + static_cast<int>(form.kind)) + testing::text_of(path);
    seeds.emplace_back(form.name, Bytes(seed.begin(), seed.end()));
  }
  EXPECT_GE(seeds.size(), 6u);
  testing::expect_fuzz_corpus("question_fuzz", seeds);
}

}  // namespace
}  // namespace templar
