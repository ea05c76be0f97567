#include "node/window/window_timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/node_expectations.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names_of(const Measurement& measurement) {
  std::vector<std::string> names;
  for (const auto& [name, value] : measurement.fields) names.push_back(name);
  return names;
}

class Timeline : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<Measurement> reported() const {
    return world_.ports.metrics.named("window_timeline");
  }

  TestWorld world_{{.miners = 1}};
  WindowTimeline timeline_;
};

}  // namespace

TEST_F(Timeline, TellsWhenEachPhaseBeganAndHowLongItTook) {
  const TimestampMs before_ms = SystemClock().now_ms();
  const Stopwatch watch;
  {
    const auto phase = timeline_.phase("train");
  }
  {
    const auto phase = timeline_.phase("gather");
  }
  timeline_.report({"miner", 1}, 12, world_.environment);
  ASSERT_EQ(reported().size(), 1u);
  const Measurement told = reported()[0];
  EXPECT_THAT(names_of(told),
              ElementsAre("gather_seconds", "gather_start_ms", "train_seconds", "train_start_ms", "window"));
  EXPECT_EQ(told.tags.at("role"), "miner");
  EXPECT_EQ(told.tags.at("uid"), "1");
  EXPECT_EQ(std::get<int64_t>(told.fields.at("window")), 12);
  const auto start_ms = std::get<int64_t>(told.fields.at("train_start_ms"));
  EXPECT_GE(start_ms, before_ms);
  EXPECT_LE(start_ms, std::get<int64_t>(told.fields.at("gather_start_ms")));
  EXPECT_GE(std::get<double>(told.fields.at("train_seconds")), 0);
  EXPECT_LE(std::get<double>(told.fields.at("train_seconds")), watch.seconds());
}

TEST_F(Timeline, AddsUpAPhaseThatComesAgainFromItsFirstStart) {
  const Stopwatch first;
  timeline_.add("gather", first);
  const Stopwatch second;
  timeline_.add("gather", second);
  timeline_.report({"miner", 1}, 0, world_.environment);
  ASSERT_EQ(reported().size(), 1u);
  EXPECT_EQ(std::get<int64_t>(reported()[0].fields.at("gather_start_ms")), first.start_ms());
}

TEST_F(Timeline, BeginsAnewAfterAReport) {
  {
    const auto phase = timeline_.phase("train");
  }
  timeline_.report({"miner", 1}, 0, world_.environment);
  timeline_.report({"miner", 1}, 1, world_.environment);
  EXPECT_EQ(reported().size(), 1u) << "window 1 had no phase";
}

TEST_F(Timeline, IsToldByTheLeaderAndAMinerOfTheWindowThatTheyClosed) {
  const CapturedLogs logs;
  ValidatorNode leader(world_, kLeader);
  MinerNode miner(world_, kMiner);
  const auto work = [&] {
    ASSERT_TRUE(waits(leader));
    ASSERT_TRUE(waits(miner));
  };
  world_.ports.enter_window(0);
  work();
  world_.ports.close_window(0);
  work();
  ASSERT_EQ(reported().size(), 2u);
  EXPECT_EQ(reported()[0].tags.at("role"), "validator");
  EXPECT_THAT(names_of(reported()[0]),
              ElementsAre("apply_seconds", "apply_start_ms", "catch_up_seconds", "catch_up_start_ms",
                          "checkpoint_seconds", "checkpoint_start_ms", "evaluate_seconds",
                          "evaluate_start_ms", "gather_seconds", "gather_start_ms", "window"));
  EXPECT_EQ(reported()[1].tags.at("role"), "miner");
  EXPECT_THAT(names_of(reported()[1]),
              ElementsAre("apply_seconds", "apply_start_ms", "catch_up_seconds", "catch_up_start_ms",
                          "gather_seconds", "gather_start_ms", "publish_seconds", "publish_start_ms",
                          "train_seconds", "train_start_ms", "window"));
}

}  // namespace templar::testing
