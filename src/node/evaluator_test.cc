#include "node/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "node/checkpoint/checkpoint.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/node_world.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::fails;

class EvaluatorTest : public ::testing::Test {
 protected:
  void publish(int64_t window) {
    const CheckpointInfo info{.window = window, .outer_step = window, .state_root = world_.initial_root()};
    world_.publish_checkpoint(info, world_.communications.model.parameters.spans());
  }
  void break_checkpoint(int64_t window) {
    const auto objects = world_.store().list(world_.bucket(0), checkpoint_prefix(window));
    ASSERT_TRUE(objects && !objects->empty());
    for (const ObjectInfo& object : *objects) {
      if (object.key.ends_with("manifest.json")) continue;
      ASSERT_TRUE(world_.store().put(world_.bucket(0), object.key, as_bytes("rubbish")));
    }
  }
  [[nodiscard]] std::vector<int64_t> evaluated_windows() const {
    std::vector<int64_t> windows;
    for (const Measurement& measurement : world_.communications.metrics.named("benchmark_metrics")) {
      windows.push_back(std::get<int64_t>(measurement.fields.at("window")));
    }
    return windows;
  }

  const testing::CapturedLogs logs_;
  const testing::TemporaryFolder folder_;
  testing::NodeWorld world_{1};
  std::unique_ptr<Engine> engine_ = testing::make_node_engine(world_.spec());
};

TEST_F(EvaluatorTest, EvaluatesEachCheckpointOnceFromTheOldestOn) {
  Evaluator evaluator(world_.environment, *engine_, {});
  EXPECT_EQ(testing::work_until_waiting(evaluator).value(), Progress::kWaiting);
  publish(4);
  publish(2);
  EXPECT_EQ(testing::work_until_waiting(evaluator).value(), Progress::kWaiting);
  publish(6);
  EXPECT_EQ(testing::work_until_waiting(evaluator).value(), Progress::kWaiting);
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{2, 4, 6}));
}

TEST_F(EvaluatorTest, ReportsTheLossOnTheHeldOutSamples) {
  publish(2);
  Evaluator evaluator(world_.environment, *engine_, {.heldout_samples = 20});
  ASSERT_TRUE(testing::work_until_waiting(evaluator));
  const auto measurements = world_.communications.metrics.named("benchmark_metrics");
  ASSERT_EQ(measurements.size(), 1u);
  const auto& fields = measurements[0].fields;
  EXPECT_EQ(std::get<int64_t>(fields.at("heldout_tokens")), 20 * 7) << "a sample of 8 tokens predicts 7";
  EXPECT_NEAR(std::get<double>(fields.at("heldout_loss")), std::log(32), 0.1);
  EXPECT_EQ(std::get<std::string>(fields.at("state_root")), world_.initial_root().hex());
}

TEST_F(EvaluatorTest, TakesAllHeldOutSamplesWhereAskedAndNeverMoreThanThereAre) {
  Replica(world_.environment, *engine_, 1).begin_initial(0);
  const ShardSource& shards = *world_.communications.shards;
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
  EXPECT_EQ(testing::work_until_waiting(evaluator).value(), Progress::kFinished);
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{4}));
  EXPECT_EQ(logs_.count("checkpoint passed over"), 1u);
  EXPECT_EQ(logs_.field("checkpoint passed over", "window"), "2");
  EXPECT_NE(logs_.field("checkpoint passed over", "reason"), "");
}

TEST_F(EvaluatorTest, RemembersOverARestartWhatItHasDone) {
  const EvaluatorOptions options{.state_file = folder_ / "done"};
  publish(2);
  {
    Evaluator evaluator(world_.environment, *engine_, options);
    ASSERT_TRUE(testing::work_until_waiting(evaluator));
  }
  publish(4);
  Evaluator restarted(world_.environment, *engine_, options);
  ASSERT_TRUE(testing::work_until_waiting(restarted));
  EXPECT_EQ(evaluated_windows(), (std::vector<int64_t>{2, 4}));
}

TEST_F(EvaluatorTest, RefusesAStateFileThatIsNone) {
  for (const char* content : {"2\nfour\n", "2 4\n", "\n", "99999999999999999999\n"}) {
    ASSERT_TRUE(write_file_atomically(folder_ / "done", content));
    Evaluator evaluator(world_.environment, *engine_, {.state_file = folder_ / "done"});
    EXPECT_TRUE(fails(evaluator.advance(), ErrorKind::kFatal, "done: not a list of windows")) << content;
  }
}

}  // namespace
}  // namespace templar
