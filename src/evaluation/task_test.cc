// The project's own task set, scored by a model whose probabilities are known, so that every score can be
// worked out by hand.
#include "evaluation/task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/files/file.h"
#include "engine/cpu_engine.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/vectors.h"

namespace templar {
namespace {

using testing::fails;

constexpr int64_t kTokens = 1024;

// A token is a byte, and the next one depends on it alone:
//   after ' ': 'a' 1/2, 'b' 1/4, each of the other 254 1/1016 (together 1/4)
//   after 'a': 'a' 1/4, each of the other 255 1/340 (together 3/4)
//   after 'b': 'b' 3/4, each of the other 255 1/1020 (together 1/4)
//   after any other byte: each 1/256
constexpr int kClasses = 4;
int class_of(uint32_t byte) {
  return byte == ' ' ? 1 : byte == 'a' ? 2 : byte == 'b' ? 3 : 0;
}
double probability(uint32_t byte, int after) {
  switch (after) {
    case 1:
      return byte == 'a' ? 1.0 / 2 : byte == 'b' ? 1.0 / 4 : 1.0 / 1016;
    case 2:
      return byte == 'a' ? 1.0 / 4 : 1.0 / 340;
    case 3:
      return byte == 'b' ? 3.0 / 4 : 1.0 / 1020;
    default:
      return 1.0 / 256;
  }
}

// A Llama whose layers add nothing. A token's embedding is 100 in the dimension of its class; the last norm
// makes 4 of it (the root of 16 dimensions), its weight 1/4 makes 1, and the head has the logarithms of the
// probabilities.
class KnownModel {
 public:
  KnownModel() {
    const ModelSpec model{.vocab_size = 256,
                          .hidden_size = 16,
                          .num_hidden_layers = 1,
                          .num_attention_heads = 2,
                          .num_key_value_heads = 1,
                          .intermediate_size = 16,
                          .rope_theta = 10000,
                          .rms_norm_eps = 1e-5,
                          .tie_word_embeddings = false,
                          .initializer_range = 0.02};
    InnerSpec inner;
    inner.sequence_length = kTokens;
    auto made = make_cpu_engine(model, inner, {.threads = 2, .micro_batch = 2});
    EXPECT_TRUE(made) << made.error().message;
    engine = *std::move(made);
    testing::edit_parameters(*engine, [&](ParameterSpans parameters) { set(parameters); });
  }

  std::unique_ptr<Engine> engine;

 private:
  void set(ParameterSpans parameters) const {
    const auto parameter = [&](std::string_view name) -> std::span<float> {
      for (size_t i = 0; i < engine->layout().size(); ++i) {
        if (engine->layout()[i].name == name) return parameters[i];
      }
      ADD_FAILURE() << "no parameter " << name;
      return {};
    };
    std::ranges::fill(parameter("model.norm.weight"), 0.25F);
    for (uint32_t byte = 0; byte < 256; ++byte) {
      parameter("model.embed_tokens.weight")[byte * 16 + static_cast<size_t>(class_of(byte))] = 100;
      for (int after = 0; after < kClasses; ++after) {
        parameter("lm_head.weight")[byte * 16 + static_cast<size_t>(after)] =
            static_cast<float>(std::log(probability(byte, after)));
      }
    }
  }
};

class TaskTest : public ::testing::Test {
 protected:
  static std::vector<Task> load(const TaskOptions& options = {}) {
    auto tasks = load_tasks(testing::source_path("tests/vectors/tasks"), options);
    EXPECT_TRUE(tasks) << tasks.error().message;
    return tasks.value_or(std::vector<Task>());
  }
  static Task task(TaskKind kind, const TaskOptions& options = {}) {
    const std::vector<Task> tasks = load(options);
    const auto found = std::ranges::find(tasks, kind, &Task::kind);
    EXPECT_NE(found, tasks.end());
    return *found;
  }
  TaskScore score(TaskKind kind, const TaskOptions& options = {}) {
    const auto scored = score_task(task(kind, options), *tokenizer_, *model_.engine, kTokens);
    EXPECT_TRUE(scored) << scored.error().message;
    return scored.value_or(TaskScore());
  }
  double log_probability(const ChoiceText& text, int64_t max_tokens = kTokens) {
    const auto choice = tokenise_choice(*tokenizer_, text, max_tokens);
    EXPECT_TRUE(choice) << choice.error().message;
    const ScoredSequence sequence{choice->tokens, choice->context};
    return model_.engine->score_continuations({&sequence, 1}).value().at(0).log_probability;
  }

  const std::unique_ptr<Tokenizer> tokenizer_ = make_byte_tokenizer();
  KnownModel model_;
};

TEST_F(TaskTest, LogProbabilitiesAreThoseOfTheContinuationsTokens) {
  const Task arc = task(TaskKind::kArcEasy);
  // ':' → ' ' 1/256, ' ' → 'a' 1/2.
  EXPECT_NEAR(log_probability(choice_text(arc.questions[0], 0)), std::log(1.0 / 512), 1e-4);
  // ':' → ' ' 1/256, ' ' → 'b' 1/4, three times 'b' → 'b' 3/4.
  EXPECT_NEAR(log_probability(choice_text(arc.questions[0], 1)), std::log(1.0 / 1024 * 27 / 64), 1e-4);
  // The context's last space counts: 's' → ' ' 1/256, ' ' → ' ' 1/1016, ' ' → 'a' 1/2.
  const Task open = task(TaskKind::kOpenBookQa);
  EXPECT_NEAR(log_probability(choice_text(open.questions[0], 0)), std::log(1.0 / 256 / 1016 / 2), 1e-4);
  // Of a WinoGrande sentence what follows the option: 'a' → ' ' 1/340 or 'b' → ' ' 1/1020, ' ' → 'b' 1/4.
  const Task winogrande = task(TaskKind::kWinoGrande);
  EXPECT_NEAR(log_probability(choice_text(winogrande.questions[0], 0)), std::log(1.0 / 340 / 4), 1e-4);
  EXPECT_NEAR(log_probability(choice_text(winogrande.questions[0], 1)), std::log(1.0 / 1020 / 4), 1e-4);
  // Without a context the document separator stands before it: 0 → ' ' 1/256, ' ' → 'a' 1/2.
  EXPECT_NEAR(log_probability({"", " a"}), std::log(1.0 / 512), 1e-4);
}

// Question   log-probabilities of the choices, without the 1/256 of the space           chosen     a
// character    right 1 and 5    a: 1/2 · · · · · · · · · · bbbb: 1/4·27/64 = 0.105                         a
// bbbb           bbbb
//            a character: ln(1/512)/1 = −6.24, ln(0.105/256)/4 = −1.95
// 2          x, y: 1/1016, a tie · · · · xy: 1/1016/256                                 x (first)  xy x
//            a character: ln(1/1016/256)/1 = −12.47, ln(1/1016/65536)/2 = −9.01
// 3          b: 1/4 · · · · · · · · · · a: 1/2                                          a          a a 4 aaa:
// 1/2/4/4 · · · · · · · zz: 1/1016/256                                  aaa        aaa            aaa
//            a character: ln(1/32/256)/3 = −3.00, ln(1/1016/65536)/2 = −9.01
TEST_F(TaskTest, ScoresArcByTheSumAndByTheCharacter) {
  const TaskScore arc = score(TaskKind::kArcEasy);
  EXPECT_EQ(arc.questions, 5);
  EXPECT_DOUBLE_EQ(arc.acc, 3.0 / 5);
  EXPECT_DOUBLE_EQ(arc.acc_norm, 4.0 / 5);
  EXPECT_DOUBLE_EQ(arc.acc_bytes, 4.0 / 5);
  EXPECT_DOUBLE_EQ(arc.score(), arc.acc_norm);
  EXPECT_DOUBLE_EQ(arc.standard_error(), std::sqrt(0.8 * 0.2 / 4));
}

// 's' → ' ' is 1/256 for all. a: 1/2; "bb ": 1/4·3/4·1/1020; " aa": 1/1016·1/2·1/4; b: 1/4. By the sum the
// first, which is right. A character: −6.24 (1), ln(1.84e-4/256)/3 = −4.72, ln(1.23e-4/256)/3 = −4.85, −6.93
// (1): the second.
TEST_F(TaskTest, ScoresHellaSwag) {
  const TaskScore hellaswag = score(TaskKind::kHellaSwag);
  EXPECT_EQ(hellaswag.acc, 1);
  EXPECT_EQ(hellaswag.acc_norm, 0);
  EXPECT_EQ(hellaswag.standard_error(), 0) << "of one question";
}

// b: 1/4, bbb: 1/4·9/16; the right one is the second. A character: ln(1/1024) = −6.93, ln(9/16384)/3 = −2.50.
TEST_F(TaskTest, ScoresPiqa) {
  const TaskScore piqa = score(TaskKind::kPiqa);
  EXPECT_EQ(piqa.acc, 0);
  EXPECT_EQ(piqa.acc_norm, 1);
}

TEST_F(TaskTest, ScoresOpenBookQa) {
  EXPECT_EQ(score(TaskKind::kOpenBookQa).acc, 1) << "a: 1/2, b: 1/4";
}

// The space after 'a' is 1/340, after "bob" 1/1020, after 'x' 1/256. Right in the first sentence (a), wrong
// in the second (a instead of bob), right in the third (x).
TEST_F(TaskTest, ScoresWinoGrandeByWhatFollows) {
  const TaskScore winogrande = score(TaskKind::kWinoGrande);
  EXPECT_DOUBLE_EQ(winogrande.acc, 2.0 / 3);
  EXPECT_DOUBLE_EQ(winogrande.score(), winogrande.acc) << "the harness has no acc_norm for it";
}

// All letters are 1/1016 after the space, a tie: A, which is right in two of four.
TEST_F(TaskTest, ScoresMmluByItsLetters) {
  const TaskScore mmlu = score(TaskKind::kMmlu);
  EXPECT_EQ(mmlu.questions, 4);
  EXPECT_DOUBLE_EQ(mmlu.acc, 0.5);
}

TEST_F(TaskTest, PutsSolvedExamplesBeforeQuestions) {
  const TaskOptions options{
      .examples = parse_example_counts({"1", "arc_easy=2", "hellaswag=0", "piqa=0", "openbookqa=0"}).value()};
  EXPECT_EQ(task(TaskKind::kArcEasy, options).preambles.at(""),
            "Question: What is first?\nAnswer: a\n\nQuestion: What is second?\nAnswer: b\n\n");
  EXPECT_EQ(task(TaskKind::kWinoGrande, options).preambles.at(""), "Is a so\n\n");
  EXPECT_EQ(task(TaskKind::kPiqa, options).preambles.at(""), "");
  const Task mmlu = task(TaskKind::kMmlu, options);
  EXPECT_EQ(mmlu.preambles.at("bees"),
            "The following are multiple choice questions (with answers) about bees.\n\n"
            "What flies?\nA. a bee\nB. wax\nC. honey\nD. a hive\nAnswer: A\n\n");
  EXPECT_EQ(mmlu.preambles.at("abstract_algebra"),
            "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
            "What is 0+0?\nA. 1\nB. 0\nC. 2\nD. 3\nAnswer: B\n\n");
  EXPECT_EQ(mmlu.example_count, 1);
}

TEST_F(TaskTest, ScoresWithExamplesAsWithout) {
  // The model sees no further than one byte back, so examples change no score; but where they end without a
  // blank line they would.
  const TaskOptions options{.examples =
                                parse_example_counts({"1", "hellaswag=0", "piqa=0", "openbookqa=0"}).value()};
  EXPECT_DOUBLE_EQ(score(TaskKind::kArcEasy, options).acc_norm, 4.0 / 5);
  EXPECT_DOUBLE_EQ(score(TaskKind::kWinoGrande, options).acc, 2.0 / 3);
  EXPECT_DOUBLE_EQ(score(TaskKind::kMmlu, options).acc, 0.5);
}

TEST_F(TaskTest, TakesTheFirstQuestionsOfATaskOrOfASubject) {
  EXPECT_DOUBLE_EQ(score(TaskKind::kArcEasy, {.limit = 2}).acc, 0.5)
      << "the first is wrong, the second right";
  const TaskScore mmlu = score(TaskKind::kMmlu, {.limit = 1});
  EXPECT_EQ(mmlu.questions, 2) << "one of each subject";
  EXPECT_DOUBLE_EQ(mmlu.acc, 0.5);
}

TEST_F(TaskTest, LeavesOutWhatCannotBeScored) {
  Task arc = task(TaskKind::kArcEasy);
  EXPECT_EQ(leave_out_unscorable(arc, *tokenizer_, kTokens).value(), std::nullopt);
  EXPECT_EQ(arc.questions.size(), 5);
  const Question kept = arc.questions[0];
  arc.questions[1].choices[1] = std::string(kTokens + 1, 'b');  // more than the model reads
  arc.questions[3].choices[0] = std::string(kTokens + 1, 'b');
  const auto reason = leave_out_unscorable(arc, *tokenizer_, kTokens);
  ASSERT_TRUE(reason) << reason.error().message;
  EXPECT_THAT(reason->value_or(""),
              ::testing::HasSubstr("task arc_easy: question 2, choice 2: it has 1026 tokens"));
  EXPECT_EQ(arc.questions.size(), 3);
  EXPECT_EQ(arc.questions[0].context, kept.context);
  EXPECT_EQ(arc.left_out, 2);
  const auto scored = score_task(arc, *tokenizer_, *model_.engine, kTokens);
  ASSERT_TRUE(scored) << scored.error().message;
  EXPECT_EQ(scored->questions, 3);
  EXPECT_TRUE(
      fails(leave_out_unscorable(arc, *tokenizer_, 1), ErrorKind::kFatal, "no question of this task"));
}

// Joins "a b" to one token, across the border between context and choice.
class JoiningTokenizer final : public Tokenizer {
 public:
  [[nodiscard]] std::string name() const override { return "joining"; }
  [[nodiscard]] uint64_t vocab_size() const override { return 256; }
  [[nodiscard]] uint32_t separator_id() const override { return 0; }
  [[nodiscard]] std::vector<uint32_t> encode(std::string_view text) const override {
    std::vector<uint32_t> ids;
    for (const char c : text) {
      constexpr uint32_t kJoined = 1;
      const bool joins =
          !ids.empty() && ((c == ' ' && ids.back() == 'a') || (c == 'b' && ids.back() == kJoined));
      if (joins) {
        ids.back() = kJoined;
      } else {
        ids.push_back(static_cast<uint8_t>(c));
      }
    }
    return ids;
  }
  [[nodiscard]] std::string decode(std::span<const uint32_t>) const override { return ""; }
  [[nodiscard]] std::vector<TokenizerFile> files() const override { return {}; }
};

TEST_F(TaskTest, LeavesOutWhatTheTokenizerJoins) {
  Task task{.kind = TaskKind::kPiqa, .preambles = {{"", ""}}};
  // WinoGrande's: the rest of a sentence behind the option.
  task.questions.push_back({.context = "", .choices = {"xa", "ya"}, .rest = "b"});
  task.questions.push_back({.context = "", .choices = {"xa", "ya"}, .rest = "c"});
  const auto reason = leave_out_unscorable(task, JoiningTokenizer(), kTokens);
  ASSERT_TRUE(reason) << reason.error().message;
  EXPECT_THAT(reason->value_or(""), ::testing::HasSubstr("question 1, choice 1: it adds no token"));
  EXPECT_EQ(task.questions.size(), 1);
  EXPECT_EQ(task.left_out, 1);
}

TEST_F(TaskTest, CutsTheBeginningOfAContextThatIsTooLong) {
  const ChoiceText text{"0123456789", " ab"};
  const auto choice = tokenise_choice(*tokenizer_, text, 5);
  ASSERT_TRUE(choice);
  // Six tokens: five are read, the last is only predicted.
  EXPECT_EQ(choice->tokens, (std::vector<uint32_t>{'7', '8', '9', ' ', 'a', 'b'}));
  EXPECT_EQ(choice->context, 3);
  // One token of context is left where the continuation takes all the room.
  const auto tight = tokenise_choice(*tokenizer_, text, 3);
  ASSERT_TRUE(tight);
  EXPECT_EQ(tight->tokens, (std::vector<uint32_t>{'9', ' ', 'a', 'b'}));
  EXPECT_EQ(tight->context, 1);
  EXPECT_TRUE(
      fails(tokenise_choice(*tokenizer_, text, 2), ErrorKind::kFatal, "it has 3 tokens, this model reads 2"));
  EXPECT_TRUE(fails(tokenise_choice(*tokenizer_, {"a", ""}, 5), ErrorKind::kFatal, "it is empty"));
}

TEST_F(TaskTest, NamesTheQuestionThatItCanNotScore) {
  const auto scored = score_task(task(TaskKind::kArcEasy), *tokenizer_, *model_.engine, 4);
  EXPECT_TRUE(fails(scored, ErrorKind::kFatal, "task arc_easy: question 1, choice 2: it has 5 tokens"));
}

TEST(Choose, TakesTheFirstOfEqualsAndLengthsInCharactersOrBytes) {
  const Question question{.context = "", .choices = {"ab", "éé", "c"}, .answer = 0};
  EXPECT_EQ(choose(question, {-4, -4, -4}).by_sum, 0u);
  // A character: −2, −2.5, −9. A byte: −2, −1.25, −9.
  EXPECT_EQ(choose(question, {-4, -5, -9}).by_characters, 0u);
  EXPECT_EQ(choose(question, {-4, -5, -9}).by_bytes, 1u);
  EXPECT_EQ(choose(question, {-4, NAN, NAN}).by_sum, 1u) << "as numpy's argmax has it";
}

TEST(ExampleCounts, AreForAllTasksOrForOne) {
  const ExampleCounts counts = parse_example_counts({"mmlu=5", "2"}).value();
  EXPECT_EQ(counts.of(TaskKind::kMmlu), 5);
  EXPECT_EQ(counts.of(TaskKind::kPiqa), 2);
  EXPECT_EQ(parse_example_counts({}).value().of(TaskKind::kPiqa), 0);
  for (const char* bad : {"", "x", "-1", "1001", "mmlu=", "mmlu=x", "arc=1", "=1", "1.5"}) {
    EXPECT_TRUE(fails(parse_example_counts({bad}), ErrorKind::kFatal, "must be N or TASK=N")) << bad;
  }
}

class TaskFolderTest : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    ASSERT_TRUE(write_file_atomically(folder_ / name, text));
  }
  [[nodiscard]] Result<std::vector<Task>> load(const std::vector<std::string>& examples = {}) const {
    return load_tasks(folder_.path(), {.examples = parse_example_counts(examples).value()});
  }
  static constexpr std::string_view kPiqa =
      "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\", \"label\": 0}\n";
  const testing::TemporaryFolder folder_;
};

TEST_F(TaskFolderTest, HoldsOneFileATask) {
  write("piqa.jsonl", kPiqa);
  write("notes.txt", "not a task");
  const auto tasks = load();
  ASSERT_TRUE(tasks) << tasks.error().message;
  ASSERT_EQ(tasks->size(), 1u);
  EXPECT_EQ(tasks->front().kind, TaskKind::kPiqa);
}

TEST_F(TaskFolderTest, IsRefusedWithAReason) {
  EXPECT_TRUE(fails(load(), ErrorKind::kFatal, "has no TASK.jsonl"));
  EXPECT_TRUE(fails(load_tasks(folder_ / "none", {}), ErrorKind::kFatal, "can't list the folder"));
  write("piqa.fewshot.jsonl", kPiqa);
  EXPECT_TRUE(fails(load(), ErrorKind::kFatal, "has no TASK.jsonl"));
  write("piqa.jsonl", kPiqa);
  EXPECT_TRUE(load({"1"}));
  EXPECT_TRUE(
      fails(load({"2"}), ErrorKind::kFatal, "piqa.fewshot.jsonl: 2 examples were asked for, there are 1"));
  write("winogrande.jsonl",
        "{\"sentence\": \"_\", \"option1\": \"a\", \"option2\": \"b\", \"answer\": \"1\"}\n");
  EXPECT_TRUE(fails(load({"1"}), ErrorKind::kFatal, "winogrande.fewshot.jsonl"));
  EXPECT_TRUE(load({"piqa=1"}));
  write("piqa.jsonl", "{}\n");
  EXPECT_TRUE(fails(load(), ErrorKind::kFatal, "piqa.jsonl:1: goal: missing"));
  write("piqua.jsonl", kPiqa);
  EXPECT_TRUE(fails(load(), ErrorKind::kFatal, "piqua.jsonl: no task is called so"));
}

}  // namespace
}  // namespace templar
