#include "support/validator_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/captured_logs.h"

namespace templar::testing {
namespace {

class ValidatorUponAMetagraph : public ::testing::TestWithParam<size_t> {
 protected:
  const CapturedLogs logs_;
};

TEST_P(ValidatorUponAMetagraph, AcceptsTheActiveMinersAndMissesTheOthers) {
  ValidatorFixture fixture({.active = GetParam()});
  for (int window = 0; window < 2; ++window) {
    const Status judged = fixture.judge_next_window();
    ASSERT_TRUE(judged.has_value()) << judged.error().message;
  }
  const Scoreboard& board = fixture.validator().scoreboard();
  EXPECT_EQ(board.window, ValidatorFixture::kStartWindow + 1);
  EXPECT_EQ(fixture.validator().replica().window(), ValidatorFixture::kStartWindow + 2);
  for (const auto& [uid, miner] : board.miners) {
    const bool is_active = std::ranges::binary_search(fixture.active, uid);
    const WindowOutcome& newest = miner.history.back();
    EXPECT_EQ(newest.verdict, is_active ? VerdictCode::kAccepted : VerdictCode::kMissing) << "uid " << uid;
  }
  for (const uint32_t uid : fixture.peers.gather) {
    EXPECT_EQ(board.miners.at(uid).history.back().window, board.window) << "uid " << uid;
  }
}

INSTANTIATE_TEST_SUITE_P(Active, ValidatorUponAMetagraph, ::testing::Values(0, 5, 250));

TEST(ValidatorFixture, ChoosesItsPeersAmongTheActiveByIncentive) {
  const CapturedLogs logs;
  const ValidatorFixture fixture({.active = 250});
  double lowest = 1;
  for (const uint32_t uid : fixture.peers.gather)
    lowest = std::min(lowest, fixture.metagraph.miner(uid).incentive);
  EXPECT_GT(lowest, 0);
  const auto better = std::ranges::count_if(
      fixture.metagraph.miners, [&](const MetagraphMiner& miner) { return miner.incentive >= lowest; });
  EXPECT_EQ(static_cast<size_t>(better), fixture.peers.gather.size());
  EXPECT_TRUE(ValidatorFixture({.active = 0}).peers.gather.empty());
}

TEST(ValidatorFixture, StartsFromTheMetagraphsWeights) {
  const CapturedLogs logs;
  ValidatorFixture fixture({.active = 10});
  const Status started = fixture.work_until_waiting();
  ASSERT_TRUE(started.has_value()) << started.error().message;
  EXPECT_EQ(fixture.validator().replica().window(), ValidatorFixture::kStartWindow);
  EXPECT_EQ(fixture.validator().scoreboard().miners.size(), 10u);
  const auto weights = fixture.communications.ledger.weights(0);
  ASSERT_TRUE(weights.has_value());
  EXPECT_EQ(weights->size(), 250u);
}

}  // namespace
}  // namespace templar::testing
