#include "node/evaluator/evaluator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/files/file.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/measurement_forms.h"
#include "support/node_expectations.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

constexpr char kPassedOver[] = "checkpoint passed over";

class EvaluatorTest : public ::testing::Test {
 protected:
  void publish(int64_t window) { world_.publish_checkpoint(window, window, world_.ports.run.values()); }
  void break_checkpoint(int64_t window) {
    const auto keys = world_.ports.keys(kLeader, checkpoint_prefix(window));
    ASSERT_FALSE(keys.empty());
    for (const std::string& key : keys) {
      if (!key.ends_with("manifest.json")) world_.ports.put(kLeader, key, as_bytes("rubbish"));
    }
  }
  [[nodiscard]] std::vector<int64_t> evaluated_windows() const {
    return world_.ports.windows_measured("benchmark_metrics");
  }
  [[nodiscard]] Result<Progress> evaluate(const EvaluatorOptions& options) {
    Evaluator evaluator(world_.environment, *engine_, options);
    return work_until_waiting(evaluator);
  }

  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  TestWorld world_{{.miners = 1}};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
};

TEST_F(EvaluatorTest, EvaluatesEachCheckpointOnceFromTheOldestOn) {
  Evaluator evaluator(world_.environment, *engine_, {});
  EXPECT_TRUE(waits(evaluator));
  publish(4);
  publish(2);
  EXPECT_TRUE(waits(evaluator));
  publish(6);
  EXPECT_TRUE(waits(evaluator));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 2, 4, 6}));
}

TEST_F(EvaluatorTest, MeasuresTheInitialModelFirst) {
  Evaluator evaluator(world_.environment, *engine_, {.until_window = 2});
  ASSERT_EQ(evaluator.advance().value(), Progress::kWorked);
  EXPECT_EQ(evaluator.advance().value(), Progress::kAwaitsObject);
  ASSERT_EQ(evaluated_windows(), (std::vector<int64_t>{0}));
  const Measurement baseline = world_.ports.metrics.named("benchmark_metrics").front();
  EXPECT_EQ(std::get<std::string>(baseline.fields.at("state_root")), world_.ports.initial_root().hex());
  EXPECT_EQ(std::get<int64_t>(baseline.fields.at("global_step")), 0);
  publish(2);
  EXPECT_TRUE(finishes(evaluator));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 2}));
}

TEST_F(EvaluatorTest, MeasuresTheInitialModelWhileNobodyLeads) {
  const TestWorld world({.miners = 1, .validators = 0, .begins_run = false});
  Evaluator evaluator(world.environment, *engine_, {});
  EXPECT_TRUE(waits(evaluator));
  EXPECT_EQ(world.ports.metrics.named("benchmark_metrics").size(), 1u);
}

TEST_F(EvaluatorTest, TakesACheckpointOfTheStartAsTheBaseline) {
  publish(0);
  Evaluator evaluator(world_.environment, *engine_, {});
  ASSERT_TRUE(waits(evaluator));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0}));
}

TEST_F(EvaluatorTest, NeedsNoPointerToTheLatest) {
  publish(2);
  world_.ports.remove(kLeader, kLatestCheckpointKey);
  Evaluator evaluator(world_.environment, *engine_, {});
  ASSERT_TRUE(waits(evaluator));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 2}));
}

TEST_F(EvaluatorTest, IsNotMisledBySeveralManifestsInAFolder) {
  publish(2);
  const std::string prefix = checkpoint_prefix(2);
  const Bytes manifest = world_.ports.object(kLeader, prefix + "manifest.json");
  for (const char* other : {"old/manifest.json", "manifest.json.1", "manifest-2.json"}) {
    world_.ports.put(kLeader, prefix + other, manifest);
  }
  // A folder that has nothing but another window's manifest is none of that window.
  world_.ports.put(kLeader, checkpoint_prefix(4) + "manifest.json", manifest);
  Evaluator evaluator(world_.environment, *engine_, {});
  ASSERT_TRUE(waits(evaluator));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(logs_.count(kPassedOver), 1u);
  EXPECT_EQ(logs_.field(kPassedOver, "window"), "4");
}

TEST_F(EvaluatorTest, EvaluatesAnIncompleteCheckpointOnceItIsWhole) {
  const EvaluatorOptions options{.state_file = folder_ / "done"};
  publish(2);
  const std::string model = checkpoint_prefix(2) + "config.json";
  const Bytes content = world_.ports.object(kLeader, model);
  world_.ports.remove(kLeader, model);
  Evaluator evaluator(world_.environment, *engine_, options);
  ASSERT_TRUE(waits(evaluator));
  ASSERT_TRUE(waits(evaluator));
  EXPECT_EQ(logs_.count(kPassedOver), 1u) << "as long as nothing changes it is not tried again";
  EXPECT_EQ(text_of(folder_ / "done"), "0\n");
  world_.ports.put(kLeader, model, content);
  ASSERT_TRUE(waits(evaluator));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(text_of(folder_ / "done"), "0\n2\n");
}

TEST_F(EvaluatorTest, EvaluatesAgainWhatItIsForcedTo) {
  EvaluatorOptions options{.state_file = folder_ / "done"};
  publish(2);
  ASSERT_TRUE(evaluate(options));
  options.force = true;
  ASSERT_TRUE(evaluate(options));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 2, 0, 2}));
  options.force = false;
  ASSERT_TRUE(evaluate(options));
  EXPECT_EQ(evaluated_windows().size(), 4u);
}

TEST_F(EvaluatorTest, FillsInTheWindowsThatItIsAskedFor) {
  EvaluatorOptions options{.state_file = folder_ / "done", .backfill = parse_window_range("3:6").value()};
  for (const int64_t window : {2, 4, 6, 8}) publish(window);
  EXPECT_EQ(evaluate(options).value(), Progress::kFinished);
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{4, 6})) << "5 has no checkpoint";
  EXPECT_EQ(evaluate(options).value(), Progress::kFinished);
  EXPECT_EQ(evaluated_windows().size(), 2u) << "they are done";
  options.force = true;
  EXPECT_EQ(evaluate(options).value(), Progress::kFinished);
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{4, 6, 4, 6}));
  options = {.state_file = folder_ / "done"};
  EXPECT_EQ(evaluate(options).value(), Progress::kAwaitsObject);
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{4, 6, 4, 6, 0, 2, 8}))
      << "the others, when it runs on";
}

TEST_F(EvaluatorTest, PassesOverWhatIsBrokenAmongThem) {
  for (const int64_t window : {4, 6}) publish(window);
  break_checkpoint(4);
  EXPECT_EQ(evaluate({.backfill = parse_window_range("4:").value()}).value(), Progress::kFinished);
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{6}));
}

TEST_F(EvaluatorTest, ReportsTheLossOnTheHeldOutSamples) {
  publish(2);
  const std::unique_ptr<Tokenizer> tokenizer = make_byte_tokenizer();
  ASSERT_TRUE(evaluate({.heldout_samples = 20, .tokenizer = tokenizer.get()}));
  const auto measurements = world_.ports.metrics.named("benchmark_metrics");
  ASSERT_EQ(measurements.size(), 2u);
  const auto& fields = measurements[1].fields;
  const double loss = std::get<double>(fields.at("heldout_loss"));
  EXPECT_EQ(std::get<int64_t>(fields.at("heldout_tokens")), 20 * 7) << "a sample of 8 tokens predicts 7";
  EXPECT_NEAR(loss, std::log(32), 0.1);
  EXPECT_NEAR(std::get<double>(fields.at("perplexity")), std::exp(loss), 1e-9);
  EXPECT_EQ(std::get<std::string>(fields.at("state_root")), world_.ports.initial_root().hex());
  // A token is a byte, but 0 separates documents.
  const Shard heldout = world_.ports.shards->open_heldout().value();
  int64_t bytes = 0;
  for (uint64_t i = 0; i < 20; ++i) {
    const auto predicted = heldout.sample(i * heldout.sample_count() / 20).subspan(1);
    bytes += std::ranges::count_if(predicted, [](uint32_t token) { return token != 0; });
  }
  EXPECT_EQ(std::get<int64_t>(fields.at("heldout_bytes")), bytes);
  EXPECT_NEAR(std::get<double>(fields.at("bits_per_byte")),
              loss * 140 / std::log(2) / static_cast<double>(bytes), 1e-9);
}

TEST(HeldoutReport, GivesPerplexityAndBitsAByte) {
  HeldoutReport report;
  report.loss_sum = 100;
  report.predicted_tokens = 50;
  report.predicted_bytes = 100;
  EXPECT_DOUBLE_EQ(report.perplexity(), std::exp(2.0));
  EXPECT_DOUBLE_EQ(report.bits_per_byte(), 1 / std::log(2.0)) << "a nat a byte";
  report.predicted_bytes = 0;
  EXPECT_EQ(report.bits_per_byte(), INFINITY);
}

// A world whose model reads bytes, and room enough for the task set's questions.
RunSpec byte_run_spec() {
  RunSpec spec = node_run_spec();
  spec.model.vocab_size = 256;
  spec.inner.sequence_length = 64;
  return spec;
}

class EvaluatorTaskTest : public ::testing::Test {
 protected:
  void work(const EvaluatorOptions& changes = {}, const TaskOptions& tasks = {}) {
    EvaluatorOptions options = changes;
    options.tokenizer = tokenizer_.get();
    options.tasks = load_tasks(source_path("tests/vectors/tasks"), tasks).value();
    Evaluator evaluator(world_.environment, *engine_, options);
    ASSERT_TRUE(waits(evaluator));
  }
  void publish(int64_t window) { world_.publish_checkpoint(window, window - 1, world_.ports.run.values()); }
  [[nodiscard]] std::vector<Measurement> named(std::string_view name) const {
    return world_.ports.metrics.named(name);
  }

  const std::unique_ptr<Tokenizer> tokenizer_ = make_byte_tokenizer();
  const TemporaryFolder folder_;
  TestWorld world_{{.miners = 1, .spec = byte_run_spec()}};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
};

TEST_F(EvaluatorTaskTest, ReportsEachTaskAndASummary) {
  publish(4);
  work();
  for (const Measurement& measurement : world_.ports.metrics.measurements())
    EXPECT_EQ(misfits_of(measurement), "");
  const auto tasks = named("benchmark_task");
  ASSERT_EQ(tasks.size(), 12u) << "six tasks of the baseline, six of the checkpoint";
  double sum = 0;
  for (size_t i = 6; i < 12; ++i) {
    const Measurement& task = tasks[i];
    EXPECT_EQ(task.tags.at("window"), "4");
    EXPECT_EQ(task.tags.at("global_step"), "3");
    EXPECT_EQ(task.tags.at("role"), "evaluator");
    const bool by_sum = task.tags.at("task") == "mmlu" || task.tags.at("task") == "winogrande";
    EXPECT_EQ(task.tags.at("metric"), by_sum ? "acc,none" : "acc_norm,none");
    EXPECT_EQ(task.fields.contains("acc_norm"), !by_sum) << "the harness has none";
    EXPECT_EQ(task.fields.at("score"), task.fields.at(by_sum ? "acc" : "acc_norm"));
    sum += std::get<double>(task.fields.at("score"));
  }
  EXPECT_EQ(tasks[6].tags.at("task"), "arc_easy");
  EXPECT_EQ(std::get<int64_t>(tasks[6].fields.at("count")), 5);
  const auto summaries = named("benchmark_summary");
  ASSERT_EQ(summaries.size(), 2u);
  const auto& fields = summaries[1].fields;
  EXPECT_EQ(std::get<int64_t>(fields.at("num_tasks")), 6);
  EXPECT_EQ(std::get<int64_t>(fields.at("window")), 4);
  EXPECT_EQ(std::get<int64_t>(fields.at("global_step")), 3);
  EXPECT_DOUBLE_EQ(std::get<double>(fields.at("mean_score")), sum / 6);
  EXPECT_GE(std::get<double>(fields.at("benchmark_runtime_s")), 0);
}

TEST_F(EvaluatorTaskTest, MeasuresMmluEverySoManyTimesAlsoOverARestart) {
  const EvaluatorOptions options{.state_file = folder_ / "done", .mmlu_every = 2};
  for (const int64_t window : {2, 4}) publish(window);
  work(options);
  for (const int64_t window : {6, 8}) publish(window);
  work(options);
  std::vector<std::string> windows;
  for (const Measurement& task : named("benchmark_task")) {
    if (task.tags.at("task") == "mmlu") windows.push_back(task.tags.at("window"));
  }
  EXPECT_EQ(windows, (std::vector<std::string>{"0", "4", "8"}));
}

TEST_F(EvaluatorTaskTest, FailsWhereAQuestionCanNotBeScored) {
  const Question question{.context = "Q", .choices = {std::string(64, 'x'), "y"}, .answer = 0};
  const Task task{
      .kind = TaskKind::kPiqa, .questions = {question}, .example_count = 0, .preambles = {{"", ""}}};
  Evaluator evaluator(world_.environment, *engine_, {.tokenizer = tokenizer_.get(), .tasks = {task}});
  EXPECT_TRUE(
      fails(evaluator.advance(), ErrorKind::kFatal, "task piqa: question 1, choice 1: it has 65 tokens"));
}

TEST(WindowRange, IsWrittenFromTo) {
  const auto range = [](std::string_view text) { return parse_window_range(text).value(); };
  EXPECT_EQ(range("3:6").first, 3);
  EXPECT_EQ(range("3:6").last, 6);
  EXPECT_TRUE(range("5:5").contains(5));
  EXPECT_TRUE(range("4:").contains(1'000'000));
  EXPECT_FALSE(range("4:").contains(3));
  EXPECT_TRUE(range(":4").contains(0));
  EXPECT_FALSE(range(":4").contains(5));
  for (const char* bad : {"", ":", "4", "a:b", "4:b", "-1:4", "4:5:6", " 4:5", "99999999999999999999:"}) {
    EXPECT_TRUE(fails(parse_window_range(bad), ErrorKind::kFatal, "must be FROM:TO")) << bad;
  }
}

TEST(WindowRange, SaysWhenItsEndsAreFlipped) {
  EXPECT_TRUE(
      fails(parse_window_range("6:3"), ErrorKind::kFatal, "the first comes after the last; 3:6 names"));
}

TEST_F(EvaluatorTest, TakesAllHeldOutSamplesWhereAskedAndNeverMoreThanThereAre) {
  EXPECT_TRUE(Replica(world_.environment, *engine_, 1).begin_initial(0));
  const ShardSource& shards = *world_.ports.shards;
  const auto all = evaluate_heldout(shards, *engine_, 0);
  const auto more = evaluate_heldout(shards, *engine_, 100000);
  const auto one = evaluate_heldout(shards, *engine_, 1);
  ASSERT_TRUE(all && more && one);
  EXPECT_EQ(all->predicted_tokens, static_cast<int64_t>(shards.open_heldout().value().sample_count()) * 7);
  EXPECT_EQ(more->predicted_tokens, all->predicted_tokens);
  EXPECT_EQ(more->loss_sum, all->loss_sum);
  EXPECT_EQ(one->predicted_tokens, 7);
}

TEST_F(EvaluatorTest, PassesOverABrokenCheckpointWithItsReason) {
  publish(2);
  publish(4);
  break_checkpoint(2);
  Evaluator evaluator(world_.environment, *engine_, {.until_window = 4});
  EXPECT_TRUE(finishes(evaluator));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(logs_.count(kPassedOver), 1u);
  EXPECT_EQ(logs_.field(kPassedOver, "window"), "2");
  EXPECT_NE(logs_.field(kPassedOver, "reason"), "");
}

TEST_F(EvaluatorTest, RemembersOverARestartWhatItHasDone) {
  const EvaluatorOptions options{.state_file = folder_ / "done"};
  publish(2);
  {
    Evaluator evaluator(world_.environment, *engine_, options);
    ASSERT_TRUE(waits(evaluator));
  }
  publish(4);
  Evaluator restarted(world_.environment, *engine_, options);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{0, 2, 4}));
}

TEST_F(EvaluatorTest, RefusesAStateFileThatIsNone) {
  for (const char* content : {"2\nfour\n", "2 4\n", "\n", "99999999999999999999\n"}) {
    ASSERT_TRUE(write_file_atomically(folder_ / "done", content));
    Evaluator evaluator(world_.environment, *engine_, {.state_file = folder_ / "done"});
    EXPECT_TRUE(fails(evaluator.advance(), ErrorKind::kFatal, "done: not a list of windows")) << content;
  }
}

}  // namespace
}  // namespace templar::testing
