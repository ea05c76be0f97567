#include "app/run/top_view.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace templar::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TopPicture : public ::testing::Test {
 protected:
  TopPicture() {
    run_.spec = preset_run_spec("tiny").value();
    run_.run_id = "1dbf60cc00112233";
    run_.parameters = 1'000'000;
    add("localnet", {.name = "localnet_begin", .tags = {}, .fields = {{"windows", int64_t{20}}}});
    for (int64_t window = 0; window < 3; ++window) {
      for (int64_t uid = 1; uid <= 2; ++uid) {
        add(fmt::format("miner-{}", uid), {.name = "training_step_v2",
                                           .tags = {{"uid", std::to_string(uid)}},
                                           .fields = {{"window", window},
                                                      {"loss", 5.0 - static_cast<double>(window)},
                                                      {"tokens", int64_t{100}},
                                                      {"contribution_bytes", int64_t{15000}},
                                                      {"state_root", std::string("00112233445566778899")}}});
      }
    }
  }

  void add(const std::string& node, Measurement measurement) {
    measurement.time_ns = now_ms_ * 1'000'000;
    run_.view.add(measurement, node);
  }
  void score(int64_t window, const std::string& uid, const std::string& verdict, const std::string& reason,
             double weight) {
    add("validator-0",
        {.name = "validator_scores",
         .tags = {{"eval_uid", uid}},
         .fields = {{"window", window}, {"verdict", verdict}, {"reason", reason}, {"weight", weight}}});
  }
  [[nodiscard]] std::string picture(const TerminalSize& size = {}) const {
    return top_picture(run_, now_ms_, size);
  }
  [[nodiscard]] std::vector<std::string> lines(const TerminalSize& size = {}) const {
    std::istringstream text(picture(size));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }

  RunKnowledge run_;
  int64_t now_ms_ = 1'800'000'000'000;
};

size_t characters(const std::string& line) {
  return static_cast<size_t>(
      std::ranges::count_if(line, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

}  // namespace

TEST_F(TopPicture, ShowsHowFarTheRunIsAndItsLoss) {
  EXPECT_THAT(lines()[0], HasSubstr("tiny 1dbf60cc  running  window 3/20"));
  EXPECT_THAT(lines()[1], HasSubstr("loss 3.0000"));
  EXPECT_THAT(lines()[1], HasSubstr("15.0 kB a contribution"));
  EXPECT_EQ(lines()[2], "█▅▁") << "one column a window";
  EXPECT_THAT(picture(), HasSubstr("state root 0011223344556677  all nodes agree"));
}

TEST_F(TopPicture, SaysThatARunIsFinishedOrSilent) {
  now_ms_ += 300'000;
  EXPECT_THAT(picture(), HasSubstr("nothing reported for 5 min"));
  add("localnet", {.name = "localnet_call", .tags = {}, .fields = {{"train_seconds", 1.0}}});
  EXPECT_THAT(picture(), HasSubstr("stopped  window 3/20"));
  add("localnet", {.name = "localnet_begin", .tags = {}, .fields = {{"windows", int64_t{3}}}});
  add("localnet", {.name = "localnet_call", .tags = {}, .fields = {{"train_seconds", 1.0}}});
  run_.summary_windows = 3;
  EXPECT_THAT(picture(), HasSubstr("finished  window 3/3"));
  EXPECT_THAT(top_picture({}, now_ms_, {}), HasSubstr("nothing reported yet"));
}

TEST_F(TopPicture, RaisesTheAlarmWhereRootsDiffer) {
  add("miner-2", {.name = "training_step_v2",
                  .tags = {{"uid", "2"}},
                  .fields = {{"window", int64_t{1}}, {"state_root", std::string("ffff")}}});
  add("validator-0",
      {.name = "validator_window_v2",
       .tags = {},
       .fields = {{"window", int64_t{1}}, {"state_root", std::string("00112233445566778899")}}});
  EXPECT_THAT(picture(), HasSubstr("NODES DIFFER, last in window 1: miner-2"));
}

TEST_F(TopPicture, PutsAnAlarmThatStandsAboveEverythingUntilItHasEnded) {
  const auto alarm = [&](const std::string& role, const std::string& uid, int64_t stands) {
    add(role + "-" + uid, {.name = "network_alarm",
                           .tags = {{"role", role}, {"uid", uid}, {"kind", "nobody_leads"}},
                           .fields = {{"window", int64_t{3}},
                                      {"stands", stands},
                                      {"reason", std::string("2 closed windows are undecided")}}});
  };
  alarm("validator", "1", 1);
  alarm("miner", "4", 1);
  now_ms_ += 90'000;
  EXPECT_THAT(lines()[1],
              HasSubstr("!!! ALARM nobody_leads: nobody decides the windows, since window 3, for 2 min"));
  EXPECT_EQ(characters(lines()[1]), 100u) << "a band over the whole line";
  EXPECT_EQ(lines()[2], "    who: miner-4, validator-1");
  EXPECT_EQ(lines()[3], "    why: 2 closed windows are undecided");
  EXPECT_THAT(lines()[4], HasSubstr("do:  start the leader again"));
  const auto narrow = lines({.columns = 30, .rows = 40});
  EXPECT_EQ(narrow[3], "    why: 2 closed windows are");
  EXPECT_EQ(narrow[4], "         undecided") << "the reason is wrapped, not cut";
  EXPECT_THAT(picture({.columns = 100, .rows = 40, .colours = true}), HasSubstr("\x1b[1;97;41m!!! ALARM"));
  alarm("miner", "4", 0);
  EXPECT_THAT(picture(), HasSubstr("!!! ALARM nobody_leads"));
  alarm("validator", "1", 0);
  EXPECT_THAT(picture(), Not(HasSubstr("ALARM")));
}

TEST_F(TopPicture, ListsMinersByWeightWithTheirLastVerdicts) {
  score(0, "1", "accepted", "", 0.25);
  score(0, "2", "accepted", "", 0.75);
  score(1, "1", "too_late", "40 s after the put window", 0.25);
  score(1, "2", "accepted", "", 0.75);
  const auto all = lines({.columns = 120, .rows = 40});
  const auto first =
      std::ranges::find_if(all, [](const auto& line) { return line.starts_with("    2   0.7500"); });
  ASSERT_NE(first, all.end());
  EXPECT_THAT(*first, HasSubstr("··  accepted"));
  EXPECT_TRUE((first + 1)->starts_with("    1   0.2500"));
  EXPECT_THAT(*(first + 1), HasSubstr("·×  too_late: 40 s after the put window"));
  EXPECT_THAT(picture(), HasSubstr("window     1  miner-1      too_late: 40 s after"));
}

TEST_F(TopPicture, ShowsWhatEachNodeDidInItsLastWindow) {
  add("miner-1", {.name = "window_timeline",
                  .tags = {},
                  .fields = {{"window", int64_t{1}}, {"train_start_ms", now_ms_}, {"train_seconds", 1.5}}});
  add("miner-1",
      {.name = "window_timeline",
       .tags = {},
       .fields = {{"window", int64_t{2}}, {"train_start_ms", now_ms_ + 4000}, {"train_seconds", 2.5}}});
  EXPECT_THAT(picture(), HasSubstr("miner-1             2      4.0      2.500"));
  EXPECT_THAT(picture(), Not(HasSubstr("catch_up"))) << "no column for what nobody did";
}

TEST_F(TopPicture, ShowsTheNewestScoreOfEachTask) {
  EXPECT_THAT(picture(), Not(HasSubstr("tasks")));
  const auto task = [&](int64_t window, double score) {
    add("evaluator", {.name = "benchmark_task",
                      .tags = {{"role", "evaluator"}, {"task", "piqa"}, {"metric", "acc"}},
                      .fields = {{"window", window}, {"score", score}, {"score_stderr", 0.0125}}});
  };
  task(1, 0.5);
  task(3, 0.625);
  EXPECT_THAT(picture(), HasSubstr("tasks  piqa acc 0.6250 ± 0.0125"));
}

TEST_F(TopPicture, CountsAFaultThatComesAgain) {
  score(1, "1", "too_late", "stored 20 ms late", 0);
  score(2, "1", "too_late", "stored 31 ms late", 0);
  EXPECT_THAT(picture(), HasSubstr("window     2  miner-1      too_late: stored 31 ms late (2 times)"));
}

TEST_F(TopPicture, FitsIntoTheTerminal) {
  for (uint32_t uid = 1; uid <= 60; ++uid)
    score(2, std::to_string(uid), "missing", std::string(300, 'x'), 0.01);
  for (const TerminalSize& size : {TerminalSize{40, 10}, TerminalSize{100, 24}, TerminalSize{20, 3}}) {
    EXPECT_LE(lines(size).size(), static_cast<size_t>(size.rows));
    for (const std::string& line : lines(size))
      EXPECT_LE(characters(line), static_cast<size_t>(size.columns));
  }
  EXPECT_THAT(picture({100, 24}), HasSubstr("and 4"));
}

TEST_F(TopPicture, LetsNoMeasurementCommandTheTerminal) {
  score(2, "1", "invalid", "\x1b[2J\nsecond", 0.1);
  EXPECT_THAT(picture(), HasSubstr("[2J second"));
  EXPECT_THAT(picture(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(picture({.columns = 100, .rows = 40, .colours = true}), Not(HasSubstr("\x1b[2J")));
}

}  // namespace templar::testing
