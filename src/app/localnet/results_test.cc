#include "app/localnet/results.h"

#include <gtest/gtest.h>

#include "support/json_values.h"

namespace templar::testing {
namespace {

Measurement window_of_miner(int64_t uid, int64_t window, const std::string& root, int64_t bytes) {
  return {.name = "training_step_v2",
          .tags = {{"role", "miner"}, {"uid", std::to_string(uid)}},
          .fields = {{"window", window},
                     {"loss", 3.0},
                     {"tokens", int64_t{500}},
                     {"contribution_bytes", bytes},
                     {"state_root", root}},
          .time_ns = 1};
}

Measurement heldout(const std::string& name, int64_t window, double loss) {
  return {.name = name,
          .tags = {{"role", "evaluator"}},
          .fields = {{"window", window}, {"heldout_loss", loss}},
          .time_ns = 1};
}

Measurement call(double train_seconds, double total_seconds, int64_t time_ns) {
  return {.name = "localnet_call",
          .tags = {},
          .fields = {{"train_seconds", train_seconds}, {"total_seconds", total_seconds}},
          .time_ns = time_ns};
}

class SummaryJson : public ::testing::Test {
 protected:
  SummaryJson() {
    run_.spec = preset_run_spec("tiny").value();
    run_.nodes.resize(4);
  }
  [[nodiscard]] Json summary() const { return testing::parsed_json(summary_json(run_, known_)); }

  LocalRun run_;
  RunView known_;
};

}  // namespace

TEST_F(SummaryJson, AddsUpWhatAllCallsAndMinersDid) {
  const std::string root(64, 'a');
  for (int64_t window = 0; window < 2; ++window) {
    for (int64_t uid = 1; uid <= 2; ++uid) known_.add(window_of_miner(uid, window, root, 1000 * uid), "m");
  }
  known_.add(heldout("benchmark_metrics", 1, 4.5), "evaluator");
  known_.add(heldout("benchmark_metrics", 2, 4.25), "evaluator");
  known_.add(heldout("baseline_heldout", 2, 5.0), "baseline");
  known_.add(call(1.5, 2.5, 1), "localnet");
  known_.add(call(2.5, 3.0, 2), "localnet");
  const auto json = summary();
  EXPECT_EQ(json.at("windows"), 2);
  EXPECT_EQ(json.at("nodes"), 4);
  EXPECT_EQ(json.at("roots_agree"), true);
  EXPECT_EQ(json.at("heldout_loss_first"), 4.5);
  EXPECT_EQ(json.at("heldout_loss_last"), 4.25);
  EXPECT_EQ(json.at("heldout_loss_plain_adamw"), 5.0);
  EXPECT_EQ(json.at("contribution_bytes_mean"), 1500.0);
  EXPECT_EQ(json.at("tokens"), 2000);
  EXPECT_EQ(json.at("train_seconds"), 4.0);
  EXPECT_EQ(json.at("total_seconds"), 5.5);
  EXPECT_EQ(json.at("tokens_per_second"), 500.0);
  EXPECT_EQ(json.at("state_root"), root) << "all of it";
}

TEST_F(SummaryJson, NamesTheAlarmsThatStand) {
  EXPECT_EQ(summary().at("alarms").size(), 0u);
  known_.add({.name = "network_alarm",
              .tags = {{"role", "validator"}, {"uid", "0"}, {"kind", "null_rounds"}},
              .fields = {{"window", int64_t{7}}, {"stands", int64_t{1}}, {"reason", std::string("why")}},
              .time_ns = 1},
             "validator-0");
  const auto alarms = summary().at("alarms");
  ASSERT_EQ(alarms.size(), 1u);
  EXPECT_EQ(alarms.at(0).at("kind"), "null_rounds");
  EXPECT_EQ(alarms.at(0).at("since_window"), 7);
  EXPECT_EQ(alarms.at(0).at("nodes").at(0), "validator-0");
  EXPECT_EQ(alarms.at(0).at("reason"), "why");
}

TEST_F(SummaryJson, SaysThatRootsDiffer) {
  known_.add(window_of_miner(1, 0, "aa", 1000), "m");
  known_.add(window_of_miner(2, 0, "bb", 1000), "m");
  known_.add(window_of_miner(1, 1, "cc", 1000), "m");
  known_.add(window_of_miner(2, 1, "cc", 1000), "m");
  EXPECT_EQ(summary().at("roots_agree"), false);
}

TEST_F(SummaryJson, LeavesOpenWhatNobodyMeasured) {
  const auto json = summary();
  EXPECT_EQ(json.at("windows"), 0);
  EXPECT_EQ(json.at("state_root"), "");
  EXPECT_TRUE(json.at("heldout_loss_last").is_null());
  EXPECT_TRUE(json.at("ratio_to_f32").is_null());
  EXPECT_TRUE(json.at("tokens_per_second").is_null());
}

}  // namespace templar::testing
