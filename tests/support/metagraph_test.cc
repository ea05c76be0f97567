#include "support/metagraph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/run_specs.h"
#include "support/test_ports.h"

namespace templar::testing {
namespace {

TEST(MetagraphFixture, GivesIncentiveToSomeThatSumsToOne) {
  const Metagraph metagraph = make_metagraph();
  ASSERT_EQ(metagraph.miners.size(), 250u);
  double sum = 0;
  std::set<double> positive;
  for (const MetagraphMiner& miner : metagraph.miners) {
    sum += miner.incentive;
    if (miner.incentive > 0) positive.insert(miner.incentive);
  }
  EXPECT_NEAR(sum, 1.0, 1e-12);
  EXPECT_EQ(positive.size(), 100u);
  EXPECT_TRUE(check_entry_content(WeightsEntry{.uid = 0, .weights = metagraph.weights()}).has_value());
}

TEST(MetagraphFixture, ShufflesTheIncentivesByItsSeed) {
  const auto first = make_metagraph().weights();
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end(), [](const WeightEntry& a, const WeightEntry& b) {
    return a.weight > b.weight;
  }));
  EXPECT_EQ(make_metagraph().weights(), first);
  EXPECT_NE(make_metagraph({.seed = 2}).weights(), first);
}

TEST(MetagraphFixture, FitsIntoALedger) {
  TestPorts ports({.miners = 250});
  EXPECT_TRUE(ports.writer(kLeader).set_weights(make_metagraph({.first_uid = 1}).weights()));
}

TEST(MetagraphFixture, NamesTheMinersAsTestPortsDoes) {
  const TestPorts ports({.miners = 5});
  EXPECT_EQ(make_metagraph({.miners = 5, .with_incentive = 2, .first_uid = 1}).uids(), ports.miner_uids());
}

TEST(MetagraphFixture, ChoosesNoneSomeOrAllOfItsMiners) {
  const Metagraph metagraph = make_metagraph();
  EXPECT_TRUE(choose_active(metagraph, 0).empty());
  const auto some = choose_active(metagraph, 30);
  EXPECT_EQ(std::set<uint32_t>(some.begin(), some.end()).size(), 30u);
  EXPECT_TRUE(std::is_sorted(some.begin(), some.end()));
  EXPECT_EQ(choose_active(metagraph, 250), metagraph.uids());
}

// A validator upon the metagraph with none, some and all of the miners active.
class MetagraphScoreboard : public ::testing::TestWithParam<size_t> {};

TEST_P(MetagraphScoreboard, KnowsTheActiveMinersAloneAndRanksThemByIncentive) {
  const Metagraph metagraph = make_metagraph();
  const auto active = choose_active(metagraph, GetParam());
  const Scoreboard board = make_scoreboard(metagraph, active, 12, scoring_run_spec());
  EXPECT_EQ(board.window, 12);
  ASSERT_EQ(board.miners.size(), active.size());
  for (const uint32_t uid : active) {
    EXPECT_EQ(board.miners.at(uid).last_evaluated_window, 12);
    EXPECT_GT(board.miners.at(uid).binary_average, 0);
    for (const uint32_t other : active) {
      if (metagraph.miner(uid).incentive <= metagraph.miner(other).incentive) continue;
      EXPECT_GT(board.miners.at(uid).rating.mu, board.miners.at(other).rating.mu);
    }
  }
}

TEST_P(MetagraphScoreboard, LetsSelectPeersChooseAmongTheActive) {
  const Metagraph metagraph = make_metagraph();
  const auto active = choose_active(metagraph, GetParam());
  const PeerSelection peers = select_peers(metagraph.candidates(active), scoring_run_spec().network);
  EXPECT_EQ(peers.gather.size(), std::min<size_t>(20, active.size()));
  EXPECT_EQ(peers.reserve.size(), active.size() > 20 ? std::min<size_t>(10, active.size() - 20) : 0);
  for (const uint32_t uid : peers.gather) EXPECT_TRUE(std::binary_search(active.begin(), active.end(), uid));
}

INSTANTIATE_TEST_SUITE_P(Active, MetagraphScoreboard, ::testing::Values(0, 5, 60, 250));

}  // namespace
}  // namespace templar::testing
