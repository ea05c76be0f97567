#include "node/validator/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "formats/checkpoint/checkpoint.h"
#include "node/window/records.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/leader_by_hand.h"
#include "support/node_world.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;
using testing::ValidatorNode;

// Validators 0, the leader, and 1; miners 2 to 6, by hand.
class ValidatorTest : public ::testing::Test {
 protected:
  void work(ValidatorNode& node, Progress until = Progress::kWaiting) {
    const auto progress = testing::work_until_waiting(node.validator);
    ASSERT_TRUE(progress) << progress.error().message;
    EXPECT_EQ(*progress, until);
  }
  void publish(int64_t window, const std::vector<uint32_t>& uids, const ValidatorNode& node) {
    for (const uint32_t uid : uids) {
      world_.communications.publish_contribution(uid, window, std::as_const(*node.engine).parameters());
    }
  }
  // A window in which these miners publish in time; the validator may decide it, but has not worked yet.
  void close(ValidatorNode& node, int64_t window, const std::vector<uint32_t>& uids) {
    world_.communications.enter_window(window);
    work(node);
    publish(window, uids, node);
    world_.communications.close_window(window);
  }
  void complete(ValidatorNode& node, int64_t window, const std::vector<uint32_t>& uids) {
    close(node, window, uids);
    work(node);
    EXPECT_EQ(node.validator.replica().window(), window + 1);
  }
  // A run that the leader has begun, without a leader at work.
  void begin_run() {
    const CheckpointInfo info{.window = 0, .outer_step = 0, .state_root = world_.initial_root()};
    world_.publish_checkpoint(info, world_.communications.model.parameters.spans());
  }
  [[nodiscard]] AggregateRecord record_at(int64_t window) const {
    const auto record = read_record(world_.environment, world_.communications.registration(0), window);
    CHECK(record.has_value() && record->has_value());
    return **record;
  }
  static std::vector<uint32_t> accepted_in(const AggregateRecord& record) {
    std::vector<uint32_t> uids;
    for (const AcceptedContribution& accepted : record.accepted) uids.push_back(accepted.uid);
    return uids;
  }
  // What follows from the weights that the leader has on the ledger now.
  [[nodiscard]] PeerSelection peers_by_weight() const {
    const auto weights = world_.communications.ledger.weights(0).value();
    std::vector<PeerCandidate> candidates;
    for (const uint32_t uid : world_.communications.miner_uids()) {
      const auto entry = std::ranges::find(weights, uid, &WeightEntry::uid);
      candidates.push_back({.uid = uid, .weight = entry == weights.end() ? 0 : entry->weight});
    }
    return select_peers(candidates, world_.spec().network);
  }
  [[nodiscard]] Hash256 root_after(const AggregateRecord& record) const {
    const auto engine = testing::make_node_engine(world_.spec());
    Replica replica(world_.environment, *engine, 1);
    replica.begin_initial(record.window);
    CHECK(apply_record_to(replica, record).has_value());
    return replica.state_root();
  }
  [[nodiscard]] Status apply_record_to(Replica& replica, const AggregateRecord& record) const {
    TRY_ASSIGN(const auto named, fetch_named(world_.environment, record, world_.roster(), {}));
    CHECK(named.missing.empty());
    replica.close_window(as_list(named.found));
    return {};
  }

  const testing::CapturedLogs logs_;
  testing::NodeWorld world_{5, 2};
};

TEST_F(ValidatorTest, LeadsANewRunWithACheckpointOfTheInitialModel) {
  ValidatorNode leader(world_, 0);
  work(leader);
  EXPECT_THAT(list_checkpoints(world_.store(), world_.bucket(0)).value(), ElementsAre(0));
  EXPECT_EQ(leader.validator.replica().state_root(), world_.initial_root());
}

TEST_F(ValidatorTest, WaitsForTheLeaderWhereItDoesNotLead) {
  ValidatorNode follower(world_, 1);
  work(follower);
  EXPECT_TRUE(world_.store().list(world_.bucket(1), "").value().empty());
}

TEST_F(ValidatorTest, EndsWhereItsKeyIsNotOnTheLedger) {
  const auto engine = testing::make_node_engine(world_.spec());
  Validator validator(world_.environment, world_.store(), world_.communications.ledger, *engine,
                      KeyPair::from_seed({9}), {});
  EXPECT_TRUE(fails(validator.advance(), ErrorKind::kFatal, "is not registered"));
}

TEST_F(ValidatorTest, RecordsWhatItGatheredAndSetsTheWeights) {
  ValidatorNode leader(world_, 0);
  complete(leader, 0, {2, 4, 6});
  const AggregateRecord record = record_at(0);
  EXPECT_THAT(accepted_in(record), ElementsAre(2, 4, 6)) << "6 is in reserve, and 3 is missing";
  EXPECT_THAT(record.gather_peers, ElementsAre(2, 3, 4));
  EXPECT_THAT(record.reserve_peers, ElementsAre(5, 6));
  ASSERT_EQ(record.rejected.size(), 2u);
  EXPECT_EQ(record.rejected[0].uid, 3u);
  EXPECT_EQ(record.rejected[1].uid, 5u);
  EXPECT_EQ(leader.validator.replica().state_root(), root_after(record));

  EXPECT_EQ(leader.validator.scoreboard().window, 0);
  double sum = 0;
  const auto entries = world_.communications.ledger.weights(0).value();
  for (const WeightEntry& entry : entries) sum += entry.weight;
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_EQ(world_.communications.metrics.named("validator_window_v2").size(), 1u);
  EXPECT_EQ(world_.communications.metrics.named("validator_scores").size(), 5u);
}

TEST_F(ValidatorTest, MakesANullRoundOfAWindowWithoutContributions) {
  ValidatorNode leader(world_, 0);
  complete(leader, 0, {});
  EXPECT_EQ(leader.validator.replica().outer_step(), 0);
  EXPECT_EQ(leader.validator.replica().state_root(), world_.initial_root());
  complete(leader, 1, {2, 3, 4});
  EXPECT_EQ(leader.validator.replica().outer_step(), 1);
}

TEST_F(ValidatorTest, FollowsItsOwnEarlierRecordAfterARestart) {
  {
    ValidatorNode leader(world_, 0);
    close(leader, 0, {2, 3, 4});
  }
  // Published before it was killed, from a gather in which 3's contribution had not been answered for.
  world_.publish_record(world_.record_of(0, 0, world_.initial_root(), {2, 4}));
  const AggregateRecord before = record_at(0);
  ValidatorNode restarted(world_, 0);
  work(restarted);
  EXPECT_EQ(record_at(0), before);
  EXPECT_EQ(restarted.validator.replica().window(), 1);
  EXPECT_EQ(restarted.validator.replica().state_root(), root_after(before));
}

TEST_F(ValidatorTest, LosesNothingOfItsScoreboardByARestart) {
  Scoreboard before;
  {
    ValidatorNode leader(world_, 0);
    for (int64_t window = 0; window < 3; ++window) complete(leader, window, {2, 3, 4, 5});
    before = leader.validator.scoreboard();
  }
  ValidatorNode restarted(world_, 0);
  work(restarted);
  EXPECT_EQ(restarted.validator.scoreboard(), before);
  EXPECT_EQ(restarted.validator.replica().window(), 3);
  complete(restarted, 3, {2, 3, 4, 5});
  EXPECT_EQ(restarted.validator.scoreboard().window, 3);
}

TEST_F(ValidatorTest, JudgesAfterARestartWhatWasDecidedBefore) {
  for (int64_t window = 0; window < 2; ++window) {
    {
      ValidatorNode leader(world_, 0);
      close(leader, window, {2, 3});
      while (!world_.store().head(world_.bucket(0), aggregate_record_key(window)).value()) {
        ASSERT_TRUE(leader.validator.advance());
      }
      ASSERT_EQ(leader.validator.scoreboard().window, window - 1) << "it is to be killed before it judges";
    }
    ValidatorNode restarted(world_, 0);
    work(restarted);
    EXPECT_EQ(restarted.validator.scoreboard().window, window);
    EXPECT_EQ(restarted.validator.replica().window(), window + 1);
  }
}

TEST_F(ValidatorTest, TakesTheLeadersSetWhereItsOwnGatherAcceptedMore) {
  begin_run();
  ValidatorNode follower(world_, 1);
  close(follower, 0, {2, 3, 4});
  const AggregateRecord record = world_.record_of(0, 0, world_.initial_root(), {2, 4});
  world_.publish_record(record);
  work(follower);
  EXPECT_EQ(follower.validator.replica().state_root(), root_after(record));
  EXPECT_EQ(logs_.field("our gather accepted what the leader did not: left out", "peer"), "3");
}

// The miner stands once in the evidence, as accepted, although our own gather came too late to see it in
// time.
TEST_F(ValidatorTest, TakesTheLeadersSetWhereItsOwnGatherAcceptedLess) {
  begin_run();
  ValidatorNode follower(world_, 1);
  close(follower, 0, {2, 4});
  publish(0, {3}, follower);  // too late, for us
  const AggregateRecord record = world_.record_of(0, 0, world_.initial_root(), {2, 3, 4});
  world_.publish_record(record);
  work(follower);
  EXPECT_EQ(follower.validator.replica().state_root(), root_after(record));
  EXPECT_EQ(follower.validator.scoreboard().miners.at(3).history.back().verdict, VerdictCode::kAccepted);
  EXPECT_EQ(logs_.field("the leader accepted what our gather did not: taken", "peer"), "3");
}

TEST_F(ValidatorTest, TakesTheLeadersVerdictsToo) {
  begin_run();
  ValidatorNode follower(world_, 1);
  close(follower, 0, {2, 4});
  AggregateRecord record = world_.record_of(0, 0, world_.initial_root(), {2, 4});
  record.gather_peers = {2, 3, 4};
  record.rejected = {{3, invalid_verdict("a reason of the leader's")}};
  world_.publish_record(record);
  work(follower);
  EXPECT_EQ(follower.validator.scoreboard().miners.at(3).history.back().verdict, VerdictCode::kInvalid);
}

TEST_F(ValidatorTest, LetsItsOwnGatherStandWhereTheLeaderIsAway) {
  begin_run();
  ValidatorNode follower(world_, 1);
  close(follower, 0, {2, 3, 4});
  work(follower);
  EXPECT_EQ(follower.validator.replica().window(), 0) << "the record is waited for";
  world_.communications.enter_window(2);
  work(follower);
  EXPECT_EQ(follower.validator.replica().window(), 1);
  EXPECT_EQ(follower.validator.replica().outer_step(), 1);
  EXPECT_EQ(follower.validator.scoreboard().window, 0);
  EXPECT_TRUE(world_.store().list(world_.bucket(0), kAggregateRecordPrefix).value().empty())
      << "it leads nobody";
}

// The restart sets the model back to the checkpoint, and no record leads on; the scoreboard has seen the
// window.
TEST_F(ValidatorTest, DoesNotJudgeAWindowTwiceWhereARestartSetTheModelBack) {
  begin_run();
  Scoreboard before;
  Hash256 root;
  {
    ValidatorNode follower(world_, 1);
    close(follower, 0, {2, 3, 4});
    world_.communications.enter_window(2);
    work(follower);
    before = follower.validator.scoreboard();
    root = follower.validator.replica().state_root();
  }
  ValidatorNode restarted(world_, 1);
  work(restarted);
  EXPECT_EQ(restarted.validator.replica().window(), 1);
  EXPECT_EQ(restarted.validator.replica().state_root(), root);
  EXPECT_EQ(restarted.validator.scoreboard(), before);
}

TEST_F(ValidatorTest, StartsAgainFromACheckpointWhereItsRootIsNotTheLeaders) {
  begin_run();
  ValidatorNode follower(world_, 1);
  close(follower, 0, {2, 3, 4});
  world_.communications.enter_window(2);
  work(follower);  // by its own gather, with all three
  // The leader had accepted two of them, and says so late.
  const AggregateRecord late = world_.record_of(0, 0, world_.initial_root(), {2, 4});
  world_.publish_record(late);
  AggregateRecord next = world_.record_of(1, 1, root_after(late), {});
  world_.publish_record(next);
  world_.communications.close_window(1);
  work(follower);
  EXPECT_EQ(logs_.count("model differs from the leader's: healing it from the last checkpoint"), 1u);
  EXPECT_EQ(follower.validator.replica().window(), 2);
  EXPECT_EQ(follower.validator.replica().state_root(), root_after(late));
  EXPECT_EQ(world_.communications.metrics.named("model_divergence").size(), 1u);
}

// (window + 2) % 4 == 0: made when window 2 closes, in force from window 4 on.
TEST_F(ValidatorTest, ReplacesThePeerListAtTheWindowThatWasAnnounced) {
  ValidatorNode leader(world_, 0);
  for (int64_t window = 0; window < 3; ++window) complete(leader, window, {4, 5, 6});
  const PeerSelection announced = peers_by_weight();
  ASSERT_NE(announced.gather, (std::vector<uint32_t>{2, 3, 4})) << "3 had nothing to offer in three windows";
  for (int64_t window = 3; window < 8; ++window) complete(leader, window, {4, 5, 6});
  for (int64_t window = 0; window < 4; ++window) {
    EXPECT_THAT(record_at(window).gather_peers, ElementsAre(2, 3, 4)) << "window " << window;
    EXPECT_THAT(record_at(window).reserve_peers, ElementsAre(5, 6)) << "window " << window;
  }
  for (int64_t window = 4; window < 8; ++window) {
    EXPECT_EQ(record_at(window).gather_peers, announced.gather) << "window " << window;
    EXPECT_EQ(record_at(window).reserve_peers, announced.reserve) << "window " << window;
  }
}

TEST_F(ValidatorTest, AnnouncesTheSamePeersAfterARestart) {
  {
    ValidatorNode leader(world_, 0);
    for (int64_t window = 0; window < 3; ++window) complete(leader, window, {4, 5, 6});
  }
  const PeerSelection announced = peers_by_weight();
  ValidatorNode restarted(world_, 0);
  for (int64_t window = 3; window < 5; ++window) complete(restarted, window, {4, 5, 6});
  EXPECT_THAT(record_at(3).gather_peers, ElementsAre(2, 3, 4));
  EXPECT_EQ(record_at(4).gather_peers, announced.gather);
}

TEST_F(ValidatorTest, KeepsACopyOfEachContributionThatItsRecordNames) {
  ValidatorNode leader(world_, 0);
  complete(leader, 0, {2, 4, 6});
  std::vector<std::string> keys;
  const auto copies = world_.store().list(world_.bucket(0), kAcceptedContributionPrefix).value();
  for (const ObjectInfo& copy : copies) keys.push_back(copy.key);
  EXPECT_THAT(keys, ElementsAre(accepted_contribution_key(0, 2), accepted_contribution_key(0, 4),
                                accepted_contribution_key(0, 6)));
  EXPECT_EQ(world_.store().get(world_.bucket(0), keys[0], 1 << 20).value(),
            world_.store().get(world_.bucket(2), contribution_key(0), 1 << 20).value());
}

TEST_F(ValidatorTest, DropsCopiesThatAreOlderThanTheRetention) {
  RunSpec spec = testing::node_run_spec();
  spec.network.contribution_retention_windows = 3;
  testing::NodeWorld world(1, 1, spec);
  ValidatorNode leader(world, 0, {.background_checkpoints = false});
  for (int64_t window = 0; window < 8; ++window) {
    world.communications.enter_window(window);
    ASSERT_TRUE(testing::work_until_waiting(leader.validator));
    world.communications.publish_contribution(1, window, std::as_const(*leader.engine).parameters());
    world.communications.close_window(window);
    ASSERT_TRUE(testing::work_until_waiting(leader.validator));
  }
  std::vector<std::string> keys;
  const auto copies = world.store().list(world.bucket(0), kAcceptedContributionPrefix).value();
  for (const ObjectInfo& copy : copies) keys.push_back(copy.key);
  EXPECT_THAT(keys, ElementsAre(accepted_contribution_key(5, 1), accepted_contribution_key(6, 1),
                                accepted_contribution_key(7, 1)));
}

TEST_F(ValidatorTest, ComesBackAlthoughMinersHaveTakenBackWhatItsRecordsName) {
  Hash256 root;
  {
    ValidatorNode leader(world_, 0);
    for (int64_t window = 0; window < 3; ++window) complete(leader, window, {2, 3, 4});
    root = leader.validator.replica().state_root();
  }
  for (const uint32_t uid : {2u, 3u, 4u}) {
    ASSERT_TRUE(world_.store().remove(world_.bucket(uid), contribution_key(2)));
  }
  ValidatorNode restarted(world_, 0);
  ValidatorNode follower(world_, 1);
  work(restarted);
  work(follower);
  EXPECT_EQ(restarted.validator.replica().state_root(), root);
  EXPECT_EQ(follower.validator.replica().state_root(), root);
}

TEST_F(ValidatorTest, WaitsForALaterCheckpointWhereItCannotFollowARecord) {
  testing::LeaderByHand leader(world_);
  leader.publish_checkpoint();
  leader.lead_windows(1);
  ASSERT_TRUE(world_.store().remove(world_.bucket(3), contribution_key(0)));
  ValidatorNode follower(world_, 1);
  work(follower);
  EXPECT_EQ(follower.validator.replica().window(), 0);
  leader.lead_windows(1);
  work(follower);
  EXPECT_EQ(follower.validator.replica().window(), 0);
  leader.publish_checkpoint();
  leader.lead_windows(1);
  work(follower);
  EXPECT_EQ(follower.validator.replica().window(), 3);
  EXPECT_EQ(follower.validator.replica().state_root(), leader.replica().state_root());
  EXPECT_EQ(logs_.count("waiting for the next checkpoint after a window that can't be completed"), 1u);
}

// After the start: it decides the windows one by one, and one of them can't be.
TEST_F(ValidatorTest, LeavesAWindowThatItCannotFollowForALaterCheckpoint) {
  testing::LeaderByHand leader(world_);
  leader.publish_checkpoint();
  ValidatorNode follower(world_, 1);
  work(follower);
  leader.lead_windows(1);
  ASSERT_TRUE(world_.store().remove(world_.bucket(3), contribution_key(0)));
  work(follower);
  EXPECT_EQ(follower.validator.replica().window(), 0);
  leader.publish_checkpoint();
  leader.lead_windows(1);
  work(follower);
  EXPECT_EQ(follower.validator.replica().window(), 2);
  EXPECT_EQ(follower.validator.replica().state_root(), leader.replica().state_root());
  EXPECT_EQ(follower.validator.scoreboard().window, 1);
}

TEST_F(ValidatorTest, PublishesACheckpointAtEachIntervalAndAtTheEnd) {
  ValidatorNode leader(world_, 0, {.until_window = 3, .tokenizer = {}});
  complete(leader, 0, {2, 3});
  complete(leader, 1, {2, 3});
  close(leader, 2, {2, 3});
  work(leader, Progress::kFinished);
  EXPECT_THAT(list_checkpoints(world_.store(), world_.bucket(0)).value(), ElementsAre(0, 2, 3));
}

TEST_F(ValidatorTest, DoesNotBeginARunAgainWhoseCheckpointsAreGone) {
  {
    ValidatorNode leader(world_, 0);
    complete(leader, 0, {2, 3});
  }
  const auto listed = world_.store().list(world_.bucket(0), kCheckpointsPrefix).value();
  for (const ObjectInfo& object : listed) {
    ASSERT_TRUE(world_.store().remove(world_.bucket(0), object.key));
  }
  ValidatorNode restarted(world_, 0);
  EXPECT_TRUE(
      fails(restarted.validator.advance(), ErrorKind::kFatal, "node-0 has a scoreboard up to window 1"));
}

TEST_F(ValidatorTest, EndsWhereItsStoredStateIsNone) {
  ASSERT_TRUE(world_.store().put(world_.bucket(0), kValidatorStateKey, as_bytes("rubbish")));
  ValidatorNode leader(world_, 0);
  EXPECT_TRUE(fails(leader.validator.advance(), ErrorKind::kFatal, "validator state: not a JSON object"));
}

}  // namespace
}  // namespace templar
