#include "core/scoring/weights.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "support/json_values.h"
#include "support/run_specs.h"
#include "support/vectors.h"

namespace templar {
namespace {

double sum_of(const Weights& weights) {
  double sum = 0;
  for (const auto& [uid, weight] : weights) sum += weight;
  return sum;
}

TEST(WeightsVectors, AreTheReferencesIncentiveWeights) {
  const auto cases = testing::load_vector_json("incentive_weights.json");
  ASSERT_GT(cases.size(), 0U);
  for (const Json& test_case : *cases.list()) {
    const auto& settings = test_case.at("hparams");
    RunSpec spec = testing::scoring_run_spec();
    spec.scoring.burn_rate = testing::as<double>(settings.at("burn_rate"));
    spec.scoring.burn_uid = testing::as<int64_t>(test_case.at("burn_uid"));
    spec.scoring.gather_share = testing::as<double>(settings.at("gather_share"));
    spec.scoring.gather_top_ratio = testing::as<double>(settings.at("gather_top_ratio"));
    spec.scoring.reserve_decay_ratio = testing::as<double>(settings.at("reserve_decay_ratio"));
    spec.network.gather_peer_count = testing::as<int64_t>(settings.at("gather_peer_count"));
    spec.network.reserve_peer_count = testing::as<int64_t>(settings.at("reserve_peer_count"));
    std::map<uint32_t, double> scores;
    for (const auto& [uid, score] : *test_case.at("final_scores").object())
      scores[std::stoul(uid)] = testing::as<double>(score);

    const Weights weights = incentive_weights(scores, spec);
    EXPECT_EQ(weights.size(), test_case.at("weights").size());
    for (const auto& [uid, expected] : *test_case.at("weights").object()) {
      ASSERT_TRUE(weights.contains(std::stoul(uid))) << "uid " << uid;
      const double weight = testing::as<double>(expected);
      EXPECT_NEAR(weights.at(std::stoul(uid)), weight, 1e-5 * weight) << "uid " << uid;
    }
  }
}

// Five miners, three gathered (2, 1.5, 1 of 4.5), two in reserve (1, 0.75 of 1.75): by hand, nothing capped.
TEST(Weights, ShareLinearlyAmongGatherPeersAndGeometricallyInReserve) {
  RunSpec spec = testing::scoring_run_spec();
  spec.network.gather_peer_count = 3;
  spec.network.reserve_peer_count = 2;
  const Weights weights = incentive_weights({{10, 1}, {11, 5}, {12, 4}, {13, 3}, {14, 2}}, spec);
  EXPECT_NEAR(weights.at(11), 0.75 * 2 / 4.5, 1e-15);
  EXPECT_NEAR(weights.at(12), 0.75 * 1.5 / 4.5, 1e-15);
  EXPECT_NEAR(weights.at(13), 0.75 * 1 / 4.5, 1e-15);
  EXPECT_NEAR(weights.at(14), 0.25 / 1.75, 1e-15);
  EXPECT_NEAR(weights.at(10), 0.25 * 0.75 / 1.75, 1e-15);
}

// Two gathered have 1/2 and 1/4; one in reserve would have 1/4: not above the last, so it stays.
TEST(Weights, LeaveAReserveThatIsNoHigherThanTheLastGatherPeer) {
  RunSpec spec = testing::scoring_run_spec();
  spec.network.gather_peer_count = 2;
  const Weights weights = incentive_weights({{1, 3}, {2, 2}, {3, 1}}, spec);
  EXPECT_NEAR(weights.at(1), 0.5, 1e-15);
  EXPECT_NEAR(weights.at(3), 0.25, 1e-15);
}

// Three gathered have 1/3, 1/4, 1/6; one in reserve would have 1/4 and gets 3/4 of 1/6 = 1/8; then all sum to
// 7/8.
TEST(Weights, CapTheReserveBelowTheLastGatherPeer) {
  RunSpec spec = testing::scoring_run_spec();
  spec.network.gather_peer_count = 3;
  const Weights weights = incentive_weights({{1, 4}, {2, 3}, {3, 2}, {4, 1}}, spec);
  EXPECT_NEAR(weights.at(1), 1.0 / 3 / 0.875, 1e-15);
  EXPECT_NEAR(weights.at(3), 1.0 / 6 / 0.875, 1e-15);
  EXPECT_NEAR(weights.at(4), 1.0 / 8 / 0.875, 1e-15);
}

TEST(Weights, GoToTheBurnUidAloneWhereNoScoreIsPositive) {
  const RunSpec spec = testing::scoring_run_spec();
  EXPECT_EQ(incentive_weights({}, spec), (Weights{{1, 1.0}}));
  EXPECT_EQ(incentive_weights({{4, 0.0}, {5, -2.0}}, spec), (Weights{{1, 1.0}}));
}

TEST(Weights, BurnTheirShareAndGiveTheBurnUidNoOtherPlace) {
  RunSpec spec = testing::scoring_run_spec();
  spec.scoring.burn_rate = 0.4;
  const Weights weights = incentive_weights({{1, 9.0}, {2, 1.0}}, spec);
  EXPECT_DOUBLE_EQ(weights.at(1), 0.4);
  EXPECT_DOUBLE_EQ(weights.at(2), 0.6);
  spec.scoring.burn_rate = 1;
  EXPECT_EQ(incentive_weights({{2, 1.0}}, spec), (Weights{{1, 1.0}}));
}

TEST(Weights, TreatTheBurnUidAsAnyOtherWhereNothingIsBurnt) {
  const Weights weights = incentive_weights({{1, 9.0}, {2, 1.0}}, testing::scoring_run_spec());
  EXPECT_DOUBLE_EQ(weights.at(1), 2.0 / 3);
  EXPECT_DOUBLE_EQ(weights.at(2), 1.0 / 3);
}

TEST(Weights, OfEqualScoresPreferTheLowerUid) {
  RunSpec spec = testing::scoring_run_spec();
  spec.network.gather_peer_count = 1;
  spec.network.reserve_peer_count = 0;
  EXPECT_EQ(incentive_weights({{7, 2.0}, {5, 2.0}, {6, 2.0}}, spec), (Weights{{5, 1.0}}));
}

TEST(Weights, SurviveSharesThatLeaveNothingToGive) {
  RunSpec spec = testing::scoring_run_spec();
  spec.scoring.gather_share = 0;
  spec.network.reserve_peer_count = 0;
  EXPECT_EQ(incentive_weights({{2, 1.0}}, spec), (Weights{{1, 1.0}}));
}

TEST(Weights, SumToOneAndNeverRankTheReserveAboveTheGather) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    RunSpec spec = testing::scoring_run_spec();
    spec.network.gather_peer_count = 1 + static_cast<int64_t>(random.below(25));
    spec.network.reserve_peer_count = static_cast<int64_t>(random.below(15));
    spec.scoring.reserve_decay_ratio = random.uniform();
    spec.scoring.burn_rate = round % 3 == 0 ? 0.0 : random.uniform();
    std::map<uint32_t, double> scores;
    const uint64_t miners = 1 + random.below(60);
    for (uint32_t uid = 2; uid < 2 + miners; ++uid) scores[uid] = random.uniform() - 0.1;
    const Weights weights = incentive_weights(scores, spec);
    EXPECT_NEAR(sum_of(weights), 1.0, 1e-12);
    for (const auto& [uid, weight] : weights) {
      EXPECT_GE(weight, 0);
      for (const auto& [other, other_weight] : weights) {
        const bool both_rank = uid != 1 && other != 1;
        if (!both_rank || scores.at(uid) <= scores.at(other)) continue;
        EXPECT_GE(weight, other_weight * (1 - 1e-12));
      }
    }
  }
}

}  // namespace
}  // namespace templar
