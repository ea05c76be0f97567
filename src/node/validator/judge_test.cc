#include "node/validator/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/scoring/draw.h"
#include "node/window/window_clock.h"
#include "support/captured_logs.h"
#include "support/node_expectations.h"

namespace templar::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// kLeader judges; the miners 1 to 5 act by hand.
class JudgeTest : public ::testing::Test {
 protected:
  explicit JudgeTest(const RunSpec& spec = node_run_spec()) : world_({.miners = 5, .spec = spec}) {}

  void complete(ValidatorNode& node, int64_t window, const std::vector<uint32_t>& uids) {
    world_.ports.enter_window(window);
    ASSERT_TRUE(waits(node));
    world_.ports.publish_contributions(uids, window, node.parameters());
    world_.ports.close_window(window);
    ASSERT_TRUE(waits(node));
    ASSERT_EQ(node.replica().window(), window + 1);
  }
  [[nodiscard]] ValidatorState stored_state() const {
    return parse_validator_state(world_.ports.object(kLeader, kValidatorStateKey)).value();
  }
  void store(const ValidatorState& state) {
    world_.ports.put(kLeader, kValidatorStateKey, as_bytes(encode_validator_state(state)));
  }

  const CapturedLogs logs_;
  TestWorld world_;
};

TEST_F(JudgeTest, GivesAnExcludedMinerNoPlaceInThePeerListsItProposes) {
  {
    ValidatorNode leader(world_, kLeader);
    complete(leader, 0, {1, 2, 3, 4, 5});
  }
  EXPECT_THAT(world_.ports.decided_record(0)->gather_peers, Contains(2));
  ValidatorState state = stored_state();
  state.scoreboard.miners.at(2).excluded_before = 100;
  store(state);
  ValidatorNode leader(world_, kLeader);
  for (int64_t window = 1; window <= 4; ++window) complete(leader, window, {1, 2, 3, 4, 5});
  const AggregateRecord record = world_.ports.decided_record(4).value();
  EXPECT_THAT(record.gather_peers, Not(Contains(2)));
  EXPECT_THAT(record.reserve_peers, Not(Contains(2)));
  EXPECT_EQ(record.gather_peers.size() + record.reserve_peers.size(), 4u);
  const auto weights = world_.ports.ledger.weights(kLeader).value();
  EXPECT_EQ(std::ranges::find(weights, 2u, &WeightEntry::uid), weights.end());
  EXPECT_EQ(leader.validator.scoreboard().miners.at(2).last_evaluated_window, 4) << "measured all the same";
}

// As after an outage that most of a small network were missing in: the run would else ask nobody until the
// exclusions end.
TEST_F(JudgeTest, AsksTheExcludedMinersWhereNobodyElseIsLeft) {
  {
    ValidatorNode leader(world_, kLeader);
    complete(leader, 0, {1, 2, 3, 4, 5});
  }
  ValidatorState state = stored_state();
  for (auto& [uid, miner] : state.scoreboard.miners) miner.excluded_before = 100;
  store(state);
  ASSERT_TRUE(world_.ports.owner().set_standing(world_.ports.public_key(3), {.is_removed = true}));
  ValidatorNode leader(world_, kLeader);
  for (int64_t window = 1; window <= 4; ++window) complete(leader, window, {1, 2, 4, 5});
  const AggregateRecord record = world_.ports.decided_record(4).value();
  EXPECT_THAT(record.gather_peers, ElementsAre(1, 2, 4)) << "not the removed one";
  EXPECT_THAT(record.reserve_peers, ElementsAre(5));
}

RunSpec spec_of_few_evaluations() {
  RunSpec spec = node_run_spec();
  spec.scoring.uids_per_window = 2;
  return spec;
}

class JudgeThatDraws : public JudgeTest {
 protected:
  JudgeThatDraws() : JudgeTest(spec_of_few_evaluations()) {}
};

// What anybody does with the validator's key on the ledger, its bucket and the run spec.
TEST_F(JudgeThatDraws, PublishesADrawThatEverybodyCanCheck) {
  ValidatorNode leader(world_, kLeader);
  const WindowClock clock(world_.ports.ledger, world_.spec().network);
  for (int64_t window = 0; window < 3; ++window) {
    const Scoreboard before = leader.validator.scoreboard();
    complete(leader, window, {1, 2, 3, 4, 5});
    const std::optional<WindowDraw> draw = stored_state().draw;
    ASSERT_TRUE(draw);
    EXPECT_EQ(draw->window, window);
    const Bytes message = draw_message(world_.environment.run_id, window, clock.block_hash(window).value());
    EXPECT_TRUE(verify(world_.ports.public_key(kLeader), message, draw->signature));
    EXPECT_EQ(draw->candidates, evaluation_candidates(before, world_.ports.miner_uids()));
    EXPECT_EQ(draw->uids, choose_evaluated_uids(draw->candidates, world_.spec().scoring,
                                                draw_seed(draw->signature), window));
    ASSERT_EQ(draw->uids.size(), 2u);
    for (const auto& [uid, miner] : leader.validator.scoreboard().miners) {
      const bool is_drawn = std::ranges::find(draw->uids, uid) != draw->uids.end();
      EXPECT_EQ(miner.last_evaluated_window == window, is_drawn) << uid;
    }
  }
}

TEST_F(JudgeThatDraws, DrawsTheSameAgainForAWindowThatItJudgesTwice) {
  std::vector<uint32_t> drawn;
  ValidatorState before;
  {
    ValidatorNode leader(world_, kLeader);
    for (int64_t window = 0; window < 2; ++window) complete(leader, window, {1, 2, 3, 4, 5});
    before = stored_state();
    complete(leader, 2, {1, 2, 3, 4, 5});
    drawn = stored_state().draw->uids;
  }
  store(before);  // as if it had been killed before it had stored the next
  ValidatorNode restarted(world_, kLeader);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(stored_state().draw->window, 2);
  EXPECT_EQ(stored_state().draw->uids, drawn);
}

RunSpec spec_that_compares() {
  RunSpec spec = node_run_spec();
  spec.scoring.penalties.overlap_first_outer_step = 0;
  return spec;
}

class JudgeOfCopies : public JudgeTest {
 protected:
  JudgeOfCopies() : JudgeTest(spec_that_compares()) {}

  // What the one has published, under the other's name, proof and receipt.
  [[nodiscard]] Bytes copy_of(uint32_t original, uint32_t copier) const {
    const CodecSpec& codec = world_.spec().codec;
    const Contribution copied = world_.ports.contribution(original, 0);
    std::vector<EncodedParameter> blocks;
    for (size_t p = 0; p < world_.layout().size(); ++p) {
      const ChunkPlan plan = plan_chunks(world_.layout()[p].shape, codec);
      blocks.push_back(decode_block(copied.block(p, &plan)));
    }
    const Bytes own = world_.ports.sealed_contribution(copier, 0);
    const ContributionHeader header = parse_contribution(own, world_.layout(), codec)->header();
    return seal_contribution(header, blocks, world_.layout(), codec, world_.ports.key(copier));
  }
};

TEST_F(JudgeOfCopies, ExcludesWhoStoresAnothersWorkAsItsOwn) {
  ValidatorNode leader(world_, kLeader);
  ASSERT_TRUE(waits(leader));
  world_.ports.publish_contributions({1, 3, 4}, 0);
  world_.ports.make_block();
  world_.ports.put(2, contribution_key(0), copy_of(1, 2));
  world_.ports.close_window(0);
  ASSERT_TRUE(waits(leader));
  EXPECT_EQ(world_.ports.decided_record(0)->accepted.size(), 3u) << "in form it is a contribution";
  const Scoreboard& board = leader.validator.scoreboard();
  EXPECT_TRUE(board.miners.at(2).is_excluded(20));
  EXPECT_FALSE(board.miners.at(2).is_excluded(21));
  EXPECT_EQ(board.miners.at(2).rating, Rating{});
  for (const uint32_t uid : {1u, 3u, 4u}) EXPECT_FALSE(board.miners.at(uid).is_excluded(0)) << uid;
  const auto weights = world_.ports.ledger.weights(kLeader).value();
  EXPECT_EQ(std::ranges::find(weights, 2u, &WeightEntry::uid), weights.end());
  const Measurement window = world_.ports.metrics.named("validator_window_v2").at(0);
  EXPECT_DOUBLE_EQ(std::get<double>(window.fields.at("index_overlap_max")), 1);
}

// Miner 2 has not made the outer step of window 0.
TEST_F(JudgeTest, SaysHowManyOuterStepsAMinerIsBehind) {
  ValidatorNode leader(world_, kLeader);
  complete(leader, 0, {1, 2, 3, 4, 5});
  world_.ports.enter_window(1);
  ASSERT_TRUE(waits(leader));
  world_.ports.publish_contribution(2, 1, world_.ports.run.values());
  complete(leader, 1, {1, 3, 4, 5});
  const MinerScore& behind = leader.validator.scoreboard().miners.at(2);
  EXPECT_EQ(behind.gathers.back(), (GatherOutcome{1, VerdictCode::kInvalid}));
  EXPECT_EQ(behind.sync_factor, sync_factor(1));
  EXPECT_EQ(behind.last_evaluated_window, 1) << "measured all the same";
  EXPECT_EQ(behind.final_score, 0);
  complete(leader, 2, {1, 2, 3, 4, 5});
  EXPECT_EQ(leader.validator.scoreboard().miners.at(2).sync_factor, 1);
}

TEST_F(JudgeTest, RemovesWhoseNodeWasRemovedFromTheCandidates) {
  ValidatorNode leader(world_, kLeader);
  ASSERT_TRUE(world_.ports.owner().set_standing(world_.ports.public_key(3), {.is_removed = true}));
  complete(leader, 0, {1, 2, 3, 4, 5});
  EXPECT_THAT(stored_state().draw->uids, ElementsAre(1, 2, 4, 5));
}

}  // namespace
}  // namespace templar::testing
