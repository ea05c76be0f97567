#include "app/gauntlet/trial.h"

#include <gmock/gmock.h>

#include "app/gauntlet/gauntlet.h"
#include "app/gauntlet/gauntlet_report.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

Measurement scores(int64_t window, uint32_t uid, double weight, double final_score = 1) {
  return {.name = "validator_scores",
          .tags = {{"eval_uid", std::to_string(uid)}},
          .fields = {{"window", window}, {"weight", weight}, {"final_score", final_score}}};
}

Measurement penalty(int64_t window, uint32_t uid, double before, double after) {
  return {.name = "validator_slash",
          .tags = {{"eval_uid", std::to_string(uid)}},
          .fields = {{"window", window}, {"score_before", before}, {"score_after", after}}};
}

// Three miners, of which the last attacks and earns in the first two windows.
std::vector<Measurement> eight_windows() {
  std::vector<Measurement> all;
  for (int64_t window = 0; window < 8; ++window) {
    all.push_back(scores(window, 1, 0.5));
    all.push_back(scores(window, 2, 0.25));
    all.push_back(scores(window, 3, window < 2 ? 0.375 : 0.01));
  }
  return all;
}

constexpr Trial kTrial{Attack::kCopycat, 1, 3, 8, 4};

TrialResult clean(int64_t miners, double loss, uint64_t seed = 4) {
  TrialResult result = judge_trial({std::nullopt, 0, miners, 8, seed}, {});
  result.heldout_loss = loss;
  for (MinerOutcome& miner : result.miners) miner.weight_share = 1;
  return result;
}

}  // namespace

TEST(JudgedTrial, SharesTheWeightOfEachWindow) {
  const TrialResult result = judge_trial(kTrial, eight_windows());
  ASSERT_EQ(result.share_by_window.size(), 8u);
  EXPECT_DOUBLE_EQ(result.share_by_window[0], 1);
  EXPECT_NEAR(result.share_by_window[7], 0.01 / 0.375, 1e-12);
  EXPECT_EQ(result.windows_until_excluded, 2);
  EXPECT_NEAR(result.weight_share(), 0.01 / 0.375, 1e-12) << "of the last quarter";
  EXPECT_DOUBLE_EQ(result.honest_spread, 2);
  EXPECT_DOUBLE_EQ(result.miners[0].weight_share, 2) << "an honest one beside the other honest ones";
}

TEST(JudgedTrial, KnowsAnAttackThatWasNeverFoundOut) {
  std::vector<Measurement> all = eight_windows();
  all.push_back(scores(7, 3, 0.1));
  EXPECT_EQ(judge_trial(kTrial, all).windows_until_excluded, std::nullopt);
}

TEST(JudgedTrial, CountsWhatHonestMinersLoseByPenalties) {
  std::vector<Measurement> all = eight_windows();  // 16 points of honest ones
  all.push_back(penalty(3, 1, 4, 0));
  all.push_back(penalty(3, 3, 9, 0));  // the attacker's
  EXPECT_DOUBLE_EQ(judge_trial(kTrial, all).honest_loss, 0.2);
}

TEST(JudgedTrial, PassesOverWhatIsNotOfItsMiners) {
  const std::vector<Measurement> strange = {scores(0, 9, 1),
                                            {.name = "validator_scores", .tags = {}, .fields = {}},
                                            {.name = "system", .tags = {{"eval_uid", "1"}}, .fields = {}}};
  const TrialResult result = judge_trial(kTrial, strange);
  EXPECT_TRUE(result.share_by_window.empty());
  EXPECT_EQ(result.weight_share(), 0);
}

TEST(JudgedTrial, IsReadAsItWasWritten) {
  TrialResult result = judge_trial(kTrial, eight_windows());
  result.heldout_loss = 3.25;
  result.roots_agree = true;
  const Json json = json_of(result);
  const auto read = read_trial_result(JsonFields::of(json, "file").value());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_text(json_of(*read)), to_text(json));
  EXPECT_EQ(read->trial, kTrial);
  const Json never = json_of(judge_trial({std::nullopt, 0, 3, 8, 4}, {}));
  EXPECT_EQ(read_trial_result(JsonFields::of(never, "file").value())->trial.attack, std::nullopt);
  for (const auto& [name, wrong] : {std::pair<const char*, Json>{"attack", "nothing"},
                                    {"miners", 0},
                                    {"weight_shares", JsonList{1.0}},
                                    {"share_by_window", JsonList{"x"}}}) {
    Json broken = json;
    broken[name] = wrong;
    const auto refused = read_trial_result(JsonFields::of(broken, "file").value());
    EXPECT_TRUE(fails(refused, ErrorKind::kFatal, name)) << name;
  }
}

TEST(GauntletPlan, TriesEachAttackAloneAndTogether) {
  const auto trials = plan_gauntlet({.clean_runs = 3});
  ASSERT_TRUE(trials);
  size_t attacked = 0;
  for (const AttackForm& form : attacks()) attacked += form.at_least == 1 ? 2 : 1;
  EXPECT_EQ(trials->size(), 3 + attacked + 2);
  EXPECT_EQ(trials->at(0).name(), "clean-5-seed-1");
  EXPECT_EQ(trials->at(1).miners, 4);
  EXPECT_EQ(trials->at(2).miners, 3);
  EXPECT_EQ(trials->at(3).name(), "copycat-1-of-5-seed-1");
  EXPECT_EQ(trials->at(4).attackers, 2);
  EXPECT_EQ(trials->back().seed, 3u);
}

TEST(GauntletPlan, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(fails(plan_gauntlet({.attacks = {"stealing"}}), ErrorKind::kFatal, "stealing"));
  EXPECT_TRUE(fails(plan_gauntlet({.miners = 2}), ErrorKind::kFatal, "--miners"));
  EXPECT_TRUE(fails(plan_gauntlet({.windows = 7}), ErrorKind::kFatal, "--windows"));
  EXPECT_EQ(plan_gauntlet({.attacks = {"sybils"}, .clean_runs = 1})->size(), 4u);
}

TEST(GauntletReport, ComparesWithTheRunWithoutTheAttackers) {
  TrialResult attacked = judge_trial(kTrial, eight_windows());
  attacked.heldout_loss = 3.3;
  const std::vector<TrialResult> results = {clean(3, 2.5), clean(2, 3), clean(2, 9, 5), attacked};
  const GauntletReport report = report_of(results);
  EXPECT_NEAR(report.loss_change(report.attacked[0]).value(), 0.1, 1e-12);
  EXPECT_EQ(report.detection.attackers, 1);
  EXPECT_EQ(report.detection.caught, 1);
  EXPECT_EQ(report.detection.honest, 9);
  EXPECT_EQ(report.detection.wrongly_caught, 0);
  EXPECT_EQ(report.detection.f1(), 1);
  const Json json = parse_json(gauntlet_json(report)).value();
  EXPECT_EQ(*json.at("attacks").at(0).at("attack").text(), "copycat");
  EXPECT_NEAR(json.at("attacks").at(0).at("heldout_loss_change").number().value(), 0.1, 1e-12);
  EXPECT_EQ(json.at("attacks").at(0).at("windows_until_excluded").integer(), 2);
  EXPECT_EQ(json.at("clean").size(), 3u);
  EXPECT_THAT(gauntlet_table(report), HasSubstr("+10.0 %"));
  EXPECT_EQ(change_text(-0.0001), "+0.0 %");
  EXPECT_EQ(change_text(-0.0123), "-1.2 %");
  const std::string page = gauntlet_page(report);
  EXPECT_THAT(page, HasSubstr("copycat"));
  EXPECT_THAT(page, HasSubstr("points=\"0.0,9.7 17.1,9.7 34.3,26.5")) << "eight windows over the whole width";
  EXPECT_THAT(page, HasSubstr("120.0,26.5 \"")) << "down to almost nothing";
  EXPECT_THAT(page, ::testing::Not(HasSubstr("http"))) << "it asks for nothing else";
}

TEST(GauntletReport, WeighsWrongAlarmsAndMissedAttackers) {
  EXPECT_EQ((Detection{.attackers = 4, .caught = 4, .honest = 9, .wrongly_caught = 0}).f1(), 1);
  EXPECT_DOUBLE_EQ((Detection{.attackers = 4, .caught = 2, .honest = 9, .wrongly_caught = 2}).f1(), 0.5);
  EXPECT_EQ((Detection{.attackers = 4, .caught = 0, .honest = 9, .wrongly_caught = 2}).f1(), 0);
}

}  // namespace templar::testing
