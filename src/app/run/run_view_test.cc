#include "app/run/run_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/measurement_forms.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Measurement measurement(const std::string& name, const std::string& role, const std::string& uid,
                        std::map<std::string, MetricValue> fields, int64_t time_ms = 1000) {
  return {.name = name,
          .tags = {{"role", role}, {"uid", uid}},
          .fields = std::move(fields),
          .time_ns = time_ms * 1'000'000};
}

Measurement miner_window(const std::string& uid, int64_t window, const std::string& root, double loss = 2.5) {
  return measurement("training_step_v2", "miner", uid,
                     {{"window", window}, {"state_root", root}, {"loss", loss}});
}

Measurement validator_window(int64_t window, const std::string& root) {
  return measurement("validator_window_v2", "validator", "0",
                     {{"window", window}, {"state_root", root}, {"accepted", int64_t{2}}});
}

TEST(Spread, IsOfThoseWhoReportedANumber) {
  Spread spread;
  spread.add(std::nullopt);
  EXPECT_EQ(spread.sum, std::nullopt);
  EXPECT_EQ(spread.mean(), std::nullopt);
  for (const double value : {3.0, 7.0, 2.0}) spread.add(value);
  spread.add(std::nullopt);
  EXPECT_EQ(spread.sum, 12);
  EXPECT_EQ(spread.low, 2);
  EXPECT_EQ(spread.high, 7);
  EXPECT_EQ(spread.mean(), 4);
}

TEST(RunView, FindsTheNewestJudgementOfEachMinerAndItsWindow) {
  RunView view;
  const auto judge = [&](const std::string& uid, int64_t window, const std::string& verdict) {
    Measurement score =
        measurement("validator_scores", "validator", "0", {{"window", window}, {"verdict", verdict}});
    score.tags["eval_uid"] = uid;
    view.add(score, "validator-0");
  };
  judge("2", 1, "accepted");
  judge("1", 1, "accepted");
  judge("2", 4, "too_late");
  const auto newest = view.newest_judgements();
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest.at(1).window, 1);
  EXPECT_EQ(newest.at(2).window, 4);
  EXPECT_EQ(newest.at(2).judgement->verdict, "too_late");
  EXPECT_EQ(view.windows().at(4).judgement_of(2), newest.at(2).judgement);
  EXPECT_EQ(view.windows().at(4).judgement_of(1), nullptr);
}

TEST(RunView, NamesTheNodeWhoseStateRootIsNotTheValidators) {
  RunView view;
  view.add(miner_window("1", 3, "bb"), "a");
  view.add(miner_window("2", 3, "bb"), "b");
  EXPECT_THAT(view.windows().at(3).differing(), IsEmpty());
  view.add(validator_window(3, "aa"), "c");
  EXPECT_THAT(view.windows().at(3).differing(), ElementsAre(0, 1))
      << "the validator's is the network's, also against a majority";
  EXPECT_THAT(view.nodes(), ElementsAre("miner-1", "miner-2", "validator-0"));
}

TEST(RunView, TakesTheMajoritysRootWhileTheValidatorIsSilent) {
  RunView view;
  view.add(miner_window("1", 0, "aa"), "a");
  view.add(miner_window("2", 0, "bb"), "b");
  view.add(miner_window("3", 0, "aa"), "c");
  EXPECT_THAT(view.windows().at(0).differing(), ElementsAre(1));
}

TEST(RunView, ComparesAnEvaluatorsRootWithTheWindowBeforeItsCheckpoint) {
  RunView view;
  view.add(measurement("benchmark_metrics", "evaluator", "0",
                       {{"window", int64_t{4}}, {"state_root", "xx"}, {"heldout_loss", 2.0}}),
           "evaluator");
  view.add(validator_window(3, "aa"), "validator-0");
  EXPECT_THAT(view.windows().at(3).differing(), ElementsAre(0));
  EXPECT_EQ(view.curves().at("heldout").at(4).value, 2.0);
}

TEST(RunView, KeepsTheNewestWindowsAndEverFewerOfThoseBefore) {
  RunView view(RunViewLimits{.recent_windows = 10, .older_windows = 8, .slack = 2});
  for (int64_t window = 0; window < 1000; ++window) {
    Measurement report = miner_window("1", window, "aa");
    report.fields["tokens"] = int64_t{3};
    report.fields["contribution_bytes"] = int64_t{5};
    view.add(report, "m");
    view.add(validator_window(window, "aa"), "v");
    ASSERT_LE(view.windows().size(), 21u);
  }
  for (int64_t window = 990; window < 1000; ++window) EXPECT_TRUE(view.windows().contains(window)) << window;
  EXPECT_EQ(view.windows().begin()->first, 0) << "the whole run is there";
  EXPECT_EQ(view.totals().windows, 1000);
  EXPECT_EQ(view.totals().tokens, 3000);
  EXPECT_EQ(view.totals().contribution_bytes, 5000);
  EXPECT_EQ(view.totals().contributions, 1000);
  EXPECT_TRUE(view.roots_agree());
}

TEST(RunView, RemembersThatRootsDifferedInAWindowThatItForgot) {
  RunView view(RunViewLimits{.recent_windows = 10, .older_windows = 4, .slack = 2});
  for (int64_t window = 0; window < 200; ++window) {
    view.add(validator_window(window, "aa"), "v");
    view.add(miner_window("1", window, window == 33 ? "bb" : "aa"), "m");
  }
  EXPECT_FALSE(view.windows().contains(33));
  EXPECT_FALSE(view.roots_agree());
}

TEST(RunView, KeepsFewerWindowsOfManyNodes) {
  RunView view(RunViewLimits{.recent_windows = 100, .recent_reports = 1280, .older_windows = 1, .slack = 0});
  for (int64_t window = 0; window < 200; ++window) {
    for (int uid = 1; uid <= 10; ++uid) view.add(miner_window(std::to_string(uid), window, "aa"), "m");
  }
  EXPECT_LE(view.windows().size(), 66u) << "1280 reports and judgements of ten nodes are 64 windows";
}

TEST(RunView, KeepsTheShapeOfALongCurve) {
  RunView view(RunViewLimits{.curve_points = 16});
  for (int64_t window = 1; window <= 1000; ++window) {
    view.add(measurement("benchmark_metrics", "evaluator", "0",
                         {{"window", window}, {"heldout_loss", 5.0 - static_cast<double>(window) / 1000}}),
             "evaluator");
    ASSERT_LE(view.curve("heldout").size(), 16u);
  }
  EXPECT_EQ(view.curve("heldout").begin()->first, 1);
  EXPECT_EQ(view.curve("heldout").rbegin()->first, 1000);
}

TEST(RunView, ReplacesAWindowThatIsReportedAgain) {
  RunView view;
  view.add(miner_window("1", 3, "bb", 2.5), "a");
  view.add(miner_window("1", 3, "aa", 2.25), "a");
  ASSERT_EQ(view.windows().at(3).reports.size(), 1u);
  EXPECT_EQ(view.windows().at(3).reports[0].loss, 2.25);
  EXPECT_EQ(view.windows().at(3).revision, 2u);
}

// A name that the view asks for and nobody writes would leave something empty here.
TEST(RunView, FindsAllThatItShowsInTheMeasurementsThatAreListed) {
  RunView view;
  for (const MeasurementForm& form : kMeasurements) view.add(filled_measurement(form), "somebody");
  const RunWindow& window = view.windows().at(1);
  EXPECT_TRUE(window.accepted && window.rejected && window.baseline_loss);
  EXPECT_EQ(window.validator_root, "state_root");
  ASSERT_EQ(window.reports.size(), 1u);
  const NodeReport& report = window.reports[0];
  EXPECT_EQ(report.state_root, "state_root");
  EXPECT_TRUE(report.loss && report.tokens && report.train_seconds && report.contribution_bytes);
  EXPECT_EQ(report.miner, 1u);
  EXPECT_EQ(report.spans.size(), kWindowPhases.size());
  ASSERT_EQ(window.judgements.size(), 1u);
  const MinerJudgement& judgement = window.judgements[0];
  EXPECT_EQ(judgement.verdict, "verdict");
  EXPECT_EQ(judgement.reason, "reason");
  EXPECT_TRUE(judgement.gradient_score && judgement.binary_average && judgement.rating_mu &&
              judgement.rating_sigma && judgement.ordinal && judgement.sync_score && judgement.final_score &&
              judgement.weight && judgement.own_gain && judgement.random_gain);
  for (const char* curve : {"heldout", "baseline_heldout", "task task metric"})
    EXPECT_EQ(view.curve(curve).count(1), 1u) << curve;
  EXPECT_TRUE(view.curve("task task metric").at(1).standard_error);
  EXPECT_EQ(view.faults().total(), 3) << "a divergence, a verdict, a penalty";
  ASSERT_EQ(view.alarms().size(), 1u);
  EXPECT_EQ(view.alarms()[0].kind, "kind");
  EXPECT_EQ(view.alarms()[0].window, 1);
  EXPECT_EQ(view.alarms()[0].reason, "reason");
  ASSERT_EQ(view.system().size(), 1u);
  const SystemSample& system = view.system()[0];
  EXPECT_TRUE(system.process_cpu && system.process_memory && system.machine_cpu && system.machine_memory &&
              system.gpu);
  EXPECT_EQ(view.windows_wanted(), 1);
  EXPECT_EQ(view.train_seconds(), 1);
  EXPECT_EQ(view.total_seconds(), 1);
}

TEST(RunView, NeverFailsOnFieldsThatAreMissingOrOfAnotherType) {
  RunView view;
  const std::vector<MetricValue> values = {int64_t{-1},
                                           std::numeric_limits<int64_t>::max(),
                                           std::numeric_limits<int64_t>::min(),
                                           0.5,
                                           1e300,
                                           std::numeric_limits<double>::quiet_NaN(),
                                           std::numeric_limits<double>::infinity(),
                                           std::string("text"),
                                           std::string()};
  const char* fields[] = {"window",
                          "loss",
                          "state_root",
                          "verdict",
                          "reason",
                          "weight",
                          "heldout_loss",
                          "score",
                          "windows",
                          "train_start_ms",
                          "train_seconds",
                          "process_cpu_percent",
                          "gpu_0_utilisation_percent"};
  for (const char* name :
       {"training_step_v2", "validator_window_v2", "validator_scores", "benchmark_metrics", "benchmark_task",
        "window_timeline", "system", "model_divergence", "validator_slash", "localnet_begin", "localnet_call",
        "baseline_metrics", "unknown", ""}) {
    view.add({.name = name, .tags = {}, .fields = {}, .time_ns = 0}, "somebody");
    view.add({.name = name,
              .tags = {{"role", ""}, {"uid", "x"}, {"eval_uid", "-1"}, {"task", ""}},
              .fields = {},
              .time_ns = -5},
             "somebody");
    for (const MetricValue& value : values) {
      Measurement all{.name = name, .tags = {{"eval_uid", "3"}, {"task", "t"}}, .fields = {}, .time_ns = 1};
      for (const char* field : fields) all.fields[field] = value;
      view.add(all, "somebody");
      all.fields["window"] = int64_t{2};
      view.add(all, "somebody");
    }
  }
  const std::vector<NodeReport>& reports = view.windows().at(2).reports;
  const auto first = std::ranges::find(reports, size_t{0}, &NodeReport::node);
  ASSERT_NE(first, reports.end());
  EXPECT_FALSE(first->loss) << "text is no number";
  EXPECT_LE(view.windows().rbegin()->first, 1'000'000'000'000) << "no window that a page could not count";
}

TEST(RunView, CountsNoWindowThatOnlyTheBaselineOrATimelineKnows) {
  RunView view;
  view.add(measurement("baseline_metrics", "baseline", "9", {{"window", int64_t{5}}, {"loss", 2.0}}),
           "baseline");
  view.add(measurement("window_timeline", "miner", "1",
                       {{"window", int64_t{6}}, {"train_start_ms", int64_t{1000}}, {"train_seconds", 0.5}}),
           "m");
  EXPECT_EQ(view.last_window(), -1);
  view.add(miner_window("1", 6, "aa"), "m");
  EXPECT_EQ(view.last_window(), 6);
  ASSERT_EQ(view.windows().at(6).reports[0].spans.size(), 1u);
  EXPECT_EQ(view.windows().at(6).time_ms, 1500) << "of the timeline's end, which is the latest known";
}

TEST(RunView, ListsWhatWasRejectedAndSlashedAsFaults) {
  RunView view;
  Measurement score = measurement("validator_scores", "validator", "0",
                                  {{"window", int64_t{1}},
                                   {"verdict", "too_late"},
                                   {"reason", "stored 20 ms late"},
                                   {"binary_moving_avg", 0.5},
                                   {"sync_score", 0.25}});
  score.tags["eval_uid"] = "7";
  view.add(score, "validator-0");
  score.fields["window"] = int64_t{2};
  score.fields["reason"] = "stored 31 ms late";
  view.add(score, "validator-0");
  Measurement slash =
      measurement("validator_slash", "validator", "0", {{"window", int64_t{2}}, {"reason", "far behind"}});
  slash.tags["eval_uid"] = "7";
  slash.tags["reason_code"] = "out_of_sync";
  view.add(slash, "validator-0");
  ASSERT_EQ(view.faults().faults().size(), 2u);
  EXPECT_EQ(view.faults().faults().at(0).source, "miner-7");
  EXPECT_EQ(view.faults().faults().at(0).text, "too_late: stored 31 ms late");
  EXPECT_EQ(view.faults().faults().at(0).count, 2);
  EXPECT_EQ(view.faults().faults().at(1).text, "out_of_sync: far behind");
  EXPECT_EQ(view.windows().at(2).judgements[0].binary_average, 0.5);
  EXPECT_EQ(view.windows().at(2).judgements[0].sync_score, 0.25);
}

Measurement alarm(const std::string& kind, const std::string& role, const std::string& uid, int64_t window,
                  int64_t time_ms, bool stands = true, const std::string& reason = "why") {
  Measurement said =
      measurement("network_alarm", role, uid,
                  {{"window", window}, {"stands", int64_t{stands ? 1 : 0}}, {"reason", reason}}, time_ms);
  said.tags["kind"] = kind;
  return said;
}

TEST(RunView, GathersWhoSaysAnAlarmAndKeepsItUntilAllHaveSaidItsEnd) {
  RunView view;
  view.add(alarm("disk_low", "miner", "3", 2, 1000), "a");
  view.add(alarm("null_rounds", "validator", "0", 5, 3000, true, "three"), "b");
  view.add(alarm("null_rounds", "miner", "2", 4, 2000, true, "two"), "c");
  ASSERT_EQ(view.alarms().size(), 2u);
  const RunAlarm first = view.alarms().front();
  EXPECT_EQ(first.kind, "null_rounds") << "the run's own come first";
  EXPECT_THAT(first.nodes, ElementsAre("miner-2", "validator-0"));
  EXPECT_EQ(first.window, 4);
  EXPECT_EQ(first.time_ms, 2000);
  EXPECT_EQ(first.reason, "three") << "the newest";
  EXPECT_EQ(first.title, form_of(AlarmKind::kNullRounds).title);
  EXPECT_EQ(speakers_of(first, 1), "miner-2 and 1 more");
  view.add(alarm("null_rounds", "validator", "0", 6, 4000, true, "again"), "b");
  EXPECT_EQ(view.alarms().front().time_ms, 2000) << "said again it is the same one";
  view.add(alarm("null_rounds", "miner", "2", 4, 5000, false), "c");
  EXPECT_THAT(view.alarms().front().nodes, ElementsAre("validator-0"));
  view.add(alarm("null_rounds", "validator", "0", 5, 5000, false), "b");
  view.add(alarm("disk_low", "miner", "3", 2, 5000, false), "a");
  EXPECT_THAT(view.alarms(), IsEmpty());
}

// A node that was killed while nobody decided says nothing of the end.
TEST(RunView, DropsThatNobodyDecidesOnceSomebodyHasClosedTheWindow) {
  RunView view;
  view.add(alarm("nobody_leads", "validator", "1", 3, 5000), "v");
  Measurement closed = miner_window("1", 3, "aa");
  view.add(closed, "m");
  EXPECT_EQ(view.alarms().size(), 1u) << "that was before it was taken back";
  closed.time_ns = 6'000'000'000;
  view.add(closed, "m");
  EXPECT_THAT(view.alarms(), IsEmpty());
}

TEST(RunView, ShowsAnAlarmOfAKindThatItDoesNotKnow) {
  RunView view;
  view.add(alarm("of_tomorrow", "miner", "1", 3, 5000), "m");
  ASSERT_EQ(view.alarms().size(), 1u);
  EXPECT_EQ(view.alarms().front().kind, "of_tomorrow");
  EXPECT_EQ(view.alarms().front().advice, "");
}

TEST(RunView, KnowsWhetherTheLocalnetHasEndedItsCall) {
  RunView view;
  view.add(measurement("localnet_begin", "", "", {{"windows", int64_t{60}}}, 1000), "localnet");
  EXPECT_EQ(view.windows_wanted(), 60);
  EXPECT_FALSE(view.call_ended());
  view.add(measurement("localnet_call", "", "", {}, 5000), "localnet");
  view.add(miner_window("1", 6, "aa"), "m");
  EXPECT_TRUE(view.call_ended()) << "the miner's report is older, only its file was read later";
  view.add(measurement("localnet_begin", "", "", {{"windows", int64_t{80}}}, 9000), "localnet");
  EXPECT_FALSE(view.call_ended());
}

TEST(RunView, CountsACallOnceThoughItIsReadTwice) {
  RunView view;
  for (int i = 0; i < 2; ++i)
    view.add(measurement("localnet_call", "", "", {{"train_seconds", 2.5}}, 5000), "localnet");
  EXPECT_EQ(view.train_seconds(), 2.5);
  view.add(measurement("localnet_call", "", "", {{"train_seconds", 1.5}}, 9000), "localnet");
  EXPECT_EQ(view.train_seconds(), 4);
}

TEST(RunView, KnowsOfDifferencesInWindowsThatWereThinned) {
  RunView view;
  view.add(miner_window("1", 6, "aa"), "m");
  view.add(measurement("localnet_call", "", "", {{"roots_agree", int64_t{1}}}, 5000), "localnet");
  EXPECT_TRUE(view.roots_agree());
  view.add(measurement("localnet_call", "", "", {{"roots_agree", int64_t{0}}}, 6000), "localnet");
  EXPECT_FALSE(view.roots_agree());
}

}  // namespace
}  // namespace templar::testing
