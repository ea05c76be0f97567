#include "node/validator/judgement_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/measurement_forms.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::Not;

// Uid 1 was accepted and measured, uid 2 accepted from a model of before, uid 3 sent something invalid, uid 4
// nothing.
class JudgementReport : public ::testing::Test {
 protected:
  JudgementReport() {
    EXPECT_TRUE(replica_.begin_initial(0));
    evidence_.window = 7;
    evidence_.miners = {
        {.uid = 1,
         .key = key(1),
         .verdict = {VerdictCode::kAccepted, ""},
         .evaluation = Evaluation{.own = {3.0, 2.0}, .unassigned = {3.5, 3.0}},
         .steps_behind = 0,
         .possession_proof_fits = true},
        {.uid = 2,
         .key = key(2),
         .verdict = {VerdictCode::kAccepted, ""},
         .evaluation = {},
         .steps_behind = 9,
         .possession_proof_fits = true},
        {.uid = 3, .key = key(3), .verdict = {VerdictCode::kInvalid, "block 5: cut short"}, .evaluation = {}},
        {.uid = 4, .key = key(4), .verdict = {VerdictCode::kMissing, "not in the bucket"}, .evaluation = {}}};
    evidence_.overlaps = {{1, 2, 0.25}, {1, 3, 0.05}, {2, 3, 0.0}};
    Scoreboard before = advance_scoreboard({}, evidence_, world_.spec()).scoreboard;
    for (auto& [uid, miner] : before.miners) {
      miner.rating = {.mu = 40, .sigma = 1};
      miner.binary_average = miner.sync_factor = 1;
    }
    ++evidence_.window;
    result_ = advance_scoreboard(before, evidence_, world_.spec());
    report_judgement(world_.environment, kLeader, {evidence_, result_, replica_, 0.25});
  }

  [[nodiscard]] PublicKey key(uint32_t uid) const { return world_.ports.public_key(uid); }
  [[nodiscard]] std::vector<Measurement> named(std::string_view name) const {
    return world_.ports.metrics.named(name);
  }
  [[nodiscard]] Measurement of(std::string_view name, std::string_view eval_uid) const {
    for (const Measurement& measurement : named(name)) {
      if (measurement.tags.at("eval_uid") == eval_uid) return measurement;
    }
    ADD_FAILURE() << "no " << name << " of " << eval_uid;
    return {};
  }

  TestWorld world_{{.miners = 4}};
  const std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  Evidence evidence_;
  AdvanceResult result_;
};

template <typename T>
T field(const Measurement& measurement, const char* name) {
  return std::get<T>(measurement.fields.at(name));
}

}  // namespace

TEST_F(JudgementReport, WritesMeasurementsOfTheListedForms) {
  for (const Measurement& measurement : world_.ports.metrics.measurements())
    EXPECT_EQ(misfits_of(measurement), "");
}

TEST_F(JudgementReport, SumsUpTheWindow) {
  ASSERT_EQ(named("validator_window_v2").size(), 1u);
  const Measurement window = named("validator_window_v2")[0];
  EXPECT_EQ(window.tags.at("role"), "validator");
  EXPECT_EQ(field<int64_t>(window, "window"), 8);
  EXPECT_EQ(field<int64_t>(window, "accepted"), 2);
  EXPECT_EQ(field<int64_t>(window, "rejected"), 2);
  EXPECT_EQ(field<double>(window, "gather_success_rate"), 50);
  EXPECT_EQ(field<int64_t>(window, "evaluated_uids_count"), 1);
  EXPECT_EQ(field<double>(window, "loss_own_before"), 3.0);
  EXPECT_EQ(field<double>(window, "loss_own_after"), 2.0);
  EXPECT_EQ(field<double>(window, "loss_random_before"), 3.5);
  EXPECT_EQ(field<double>(window, "loss_random_after"), 3.0);
  EXPECT_NEAR(field<double>(window, "index_overlap_mean"), 0.1, 1e-12);
  EXPECT_EQ(field<double>(window, "index_overlap_max"), 0.25);
  EXPECT_EQ(field<double>(window, "judge_seconds"), 0.25);
  EXPECT_EQ(field<std::string>(window, "state_root"), replica_.state_root().hex());
}

TEST_F(JudgementReport, TellsEveryMinersScoresAndVerdict) {
  EXPECT_EQ(named("validator_scores").size(), 4u);
  const MinerScore& score = result_.scoreboard.miners.at(1);
  const Measurement scores = of("validator_scores", "1");
  EXPECT_EQ(field<std::string>(scores, "verdict"), "accepted");
  EXPECT_EQ(field<double>(scores, "binary_moving_avg"), score.binary_average);
  EXPECT_EQ(field<double>(scores, "rating_mu"), score.rating.mu);
  EXPECT_EQ(field<double>(scores, "final_score"), score.final_score);
  EXPECT_EQ(field<double>(scores, "weight"), result_.weights.at(1));
  EXPECT_EQ(field<double>(scores, "loss_own_after"), 2.0);
  const Measurement invalid = of("validator_scores", "3");
  EXPECT_EQ(field<std::string>(invalid, "reason"), "block 5: cut short");
  EXPECT_THAT(invalid.fields, Not(Contains(Key("loss_own_after"))));
}

TEST_F(JudgementReport, TellsTheRatingOfThoseThatWereMeasured) {
  ASSERT_EQ(named("validator_openskill").size(), 1u);
  EXPECT_EQ(field<double>(of("validator_openskill", "1"), "mu"), result_.scoreboard.miners.at(1).rating.mu);
}

TEST_F(JudgementReport, TellsHowFarBehindThoseWereThatWereAccepted) {
  ASSERT_EQ(named("validator_sync_score").size(), 2u);
  EXPECT_EQ(field<int64_t>(of("validator_sync_score", "1"), "steps_behind"), 0);
  EXPECT_EQ(field<double>(of("validator_sync_score", "1"), "sync_score"), 1);
  EXPECT_EQ(field<double>(of("validator_sync_score", "2"), "sync_score"), 0);
}

TEST_F(JudgementReport, TellsEachPenaltyWithItsReason) {
  const Measurement invalid = of("validator_slash", "3");
  EXPECT_EQ(invalid.tags.at("reason_code"), reason_name(ScoreReason::kInvalid));
  EXPECT_EQ(field<std::string>(invalid, "reason"), "block 5: cut short");
  EXPECT_GT(field<double>(invalid, "score_before"), 0);
  EXPECT_EQ(field<double>(invalid, "score_after"), 0);
  EXPECT_EQ(named("validator_slash").size(), 1u) << "2 had no score left to lose";
  ASSERT_EQ(named("validator_inactivity").size(), 1u);
  const Measurement missing = of("validator_inactivity", "4");
  EXPECT_EQ(field<int64_t>(of("validator_scores", "4"), "excluded"), 0);
  EXPECT_GT(field<double>(missing, "score_before"), 0);
  EXPECT_EQ(field<double>(missing, "score_after"), field<double>(missing, "score_before") / 2)
      << "the second in a row";
}

}  // namespace templar::testing
