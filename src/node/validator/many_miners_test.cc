// A validator upon a metagraph of many miners, of whom none, some or all are active.
#include <gtest/gtest.h>

#include <algorithm>

#include "node/validator/validator_state.h"
#include "support/captured_logs.h"
#include "support/metagraph.h"
#include "support/node_expectations.h"

namespace templar::testing {
namespace {

constexpr uint32_t kMiners = 250;
constexpr int64_t kStartWindow = 3;

// The run is at window kStartWindow: the validator's scoreboard knows the active miners, and its peers are
// chosen among them by incentive.
class ManyMiners {
 public:
  // That many of the miners are active, chosen by lot.
  explicit ManyMiners(size_t active_miners)
      : metagraph(make_metagraph({.miners = kMiners, .first_uid = 1})),
        active(choose_active(metagraph, active_miners)),
        peers(select_peers(metagraph.candidates(active), world.spec().network)) {
    CHECK(world.ports.writer(kLeader).set_weights(metagraph.weights()).has_value());
    for (int64_t window = 0; window < kStartWindow; ++window)
      world.ports.publish_record(world.ports.record_of(window, 0, world.ports.initial_root(), {}));
    world.ports.enter_window(kStartWindow);
    const ValidatorState state = {
        .next_window = kStartWindow,
        .scoreboard = make_scoreboard(metagraph, active, kStartWindow - 1, world.spec()),
        .peers = peers,
        .next_peers = peers,
        .next_peers_from = kStartWindow};
    world.ports.put(kLeader, kValidatorStateKey, as_bytes(encode_validator_state(state)));
    // All windows so far have been null rounds.
    world.publish_checkpoint(kStartWindow, 0, world.ports.run.values());
  }

  TestWorld world{{.miners = kMiners, .spec = small_run_spec()}};
  const Metagraph metagraph;
  const std::vector<uint32_t> active;  // ascending uids
  const PeerSelection peers;           // at the start
  ValidatorNode node{world, kLeader};

  [[nodiscard]] const Scoreboard& scoreboard() const { return node.validator.scoreboard(); }
  // One window from its beginning to the validator's judgement: every active miner publishes in time.
  [[nodiscard]] ::testing::AssertionResult judges_next_window() {
    if (auto started = waits(node); !started) return started;
    const int64_t window = node.replica().window();
    world.ports.enter_window(window);
    world.ports.publish_contributions(active, window, node.parameters());
    world.ports.close_window(window);
    return waits(node);
  }
};

class ValidatorUponAMetagraph : public ::testing::TestWithParam<size_t> {
 protected:
  const CapturedLogs logs_;
};

TEST_P(ValidatorUponAMetagraph, AcceptsTheActiveMinersAndMissesTheOthers) {
  ManyMiners many(GetParam());
  for (int window = 0; window < 2; ++window) ASSERT_TRUE(many.judges_next_window());
  const Scoreboard& board = many.scoreboard();
  EXPECT_EQ(board.window, kStartWindow + 1);
  EXPECT_EQ(many.node.replica().window(), kStartWindow + 2);
  for (const auto& [uid, miner] : board.miners) {
    const bool is_active = std::ranges::binary_search(many.active, uid);
    // Where nobody is there nobody is blamed.
    EXPECT_EQ(miner.windows_not_seen == 0, is_active || many.active.empty()) << "uid " << uid;
  }
  for (const uint32_t uid : many.peers.gather) {
    EXPECT_EQ(board.miners.at(uid).gathers.back(), (GatherOutcome{board.window, VerdictCode::kAccepted}))
        << "uid " << uid;
  }
}

INSTANTIATE_TEST_SUITE_P(Active, ValidatorUponAMetagraph, ::testing::Values(0, 5, 250));

TEST(ValidatorOfManyMiners, ChoosesItsPeersAmongTheActiveByIncentive) {
  const CapturedLogs logs;
  const ManyMiners many(kMiners);
  double lowest = 1;
  for (const uint32_t uid : many.peers.gather) lowest = std::min(lowest, many.metagraph.miner(uid).incentive);
  EXPECT_GT(lowest, 0);
  const auto better = std::ranges::count_if(
      many.metagraph.miners, [&](const MetagraphMiner& miner) { return miner.incentive >= lowest; });
  EXPECT_EQ(static_cast<size_t>(better), many.peers.gather.size());
  EXPECT_TRUE(ManyMiners(0).peers.gather.empty());
}

TEST(ValidatorOfManyMiners, StartsFromTheMetagraphsWeights) {
  const CapturedLogs logs;
  ManyMiners many(10);
  ASSERT_TRUE(waits(many.node));
  EXPECT_EQ(many.node.replica().window(), kStartWindow);
  EXPECT_EQ(many.scoreboard().miners.size(), 10u);
  const auto weights = many.world.ports.ledger.weights(kLeader);
  ASSERT_TRUE(weights.has_value());
  EXPECT_EQ(weights->size(), 250u);
}

}  // namespace
}  // namespace templar::testing
