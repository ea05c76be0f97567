#include "core/scoring/openskill.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "support/json_values.h"
#include "support/vectors.h"

namespace templar {
namespace {

constexpr RatingModel kModel = {.beta = 7, .tau = 0.1};

TEST(OpenSkillVectors, FollowTheReferenceThroughAllRounds) {
  const auto cases = testing::load_vector_json("openskill.json");
  ASSERT_GT(cases.size(), 0U);
  for (const Json& test_case : *cases.list()) {
    const RatingModel model = {.beta = testing::as<double>(test_case.at("beta")),
                               .tau = testing::as<double>(test_case.at("tau"))};
    const Rating fresh = {.mu = testing::as<double>(test_case.at("initial_mu")),
                          .sigma = testing::as<double>(test_case.at("initial_sigma"))};
    std::map<int, Rating> ratings;
    for (const Json& round : *test_case.at("rounds").list()) {
      const auto uids = testing::as<std::vector<int>>(round.at("uids"));
      std::vector<Rating> players;
      for (const int uid : uids) players.push_back(ratings.try_emplace(uid, fresh).first->second);
      const auto rated = rate_match(players, testing::as<std::vector<double>>(round.at("scores")), model);
      ASSERT_EQ(rated.size(), round.at("after").size());
      for (size_t i = 0; i < rated.size(); ++i) {
        const auto& after = round.at("after").at(i);
        EXPECT_EQ(testing::as<int>(after.at("uid")), uids[i]);
        EXPECT_NEAR(rated[i].mu, testing::as<double>(after.at("mu")), 1e-9);
        EXPECT_NEAR(rated[i].sigma, testing::as<double>(after.at("sigma")), 1e-9);
        EXPECT_NEAR(rated[i].ordinal(), testing::as<double>(after.at("ordinal")), 1e-9);
        ratings[uids[i]] = rated[i];
      }
    }
  }
}

TEST(OpenSkill, AFreshPlayerHasOrdinalZero) {
  EXPECT_NEAR(Rating{}.ordinal(), 0.0, 1e-12);
}

// By hand: variance v = (25/3)^2 + 0.01, c = sqrt(2 (v + 49)), both chances 1/2: the mean moves by v / 2c.
TEST(OpenSkill, MovesTwoFreshPlayersApartEvenly) {
  const double variance = 625.0 / 9.0 + 0.01;
  const double c = std::sqrt(2 * (variance + 49));
  const auto rated = rate_match(std::vector<Rating>(2), std::vector<double>{0.2, 0.1}, kModel);
  EXPECT_NEAR(rated[0].mu, 25 + variance / (2 * c), 1e-12);
  EXPECT_NEAR(rated[1].mu, 25 - variance / (2 * c), 1e-12);
  const double delta = 0.25 * variance / (c * c) * std::sqrt(variance) / c;
  EXPECT_NEAR(rated[0].sigma, std::sqrt(variance * (1 - delta)), 1e-12);
  EXPECT_NEAR(rated[1].sigma, rated[0].sigma, 1e-12);
}

TEST(OpenSkill, ATieOfEqualsLeavesTheMeansButLessUncertainty) {
  const auto rated = rate_match(std::vector<Rating>(2), std::vector<double>{0.1, 0.1}, kModel);
  EXPECT_NEAR(rated[0].mu, 25, 1e-12);
  EXPECT_NEAR(rated[1].mu, 25, 1e-12);
  EXPECT_LT(rated[0].sigma, kInitialSigma);
}

TEST(OpenSkill, CountsOnlyTheOrderOfTheScores) {
  const std::vector<Rating> players = {{20, 3}, {30, 5}, {25, 8}};
  EXPECT_EQ(rate_match(players, std::vector<double>{1, 2, -99}, kModel),
            rate_match(players, std::vector<double>{0.01, 0.02, 0.001}, kModel));
}

TEST(OpenSkill, FewerThanTwoPlayersMakeNoMatch) {
  EXPECT_TRUE(rate_match({}, {}, kModel).empty());
  const std::vector<Rating> alone = {{20, 3}};
  EXPECT_EQ(rate_match(alone, std::vector<double>{1}, kModel), alone);
}

}  // namespace
}  // namespace templar
