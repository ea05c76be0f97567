#include "node/validator/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "formats/checkpoint/checkpoint.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/hooked_store.h"
#include "support/node_expectations.h"
#include "support/test_leader.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

// kLeader and kFollower are validators; the miners 2 to 6 act by hand.
class ValidatorTest : public ::testing::Test {
 protected:
  // A window in which these miners publish in time; the validator may decide it, but has not worked yet.
  void close(ValidatorNode& node, int64_t window, const std::vector<uint32_t>& uids) {
    world_.ports.enter_window(window);
    ASSERT_TRUE(waits(node));
    world_.ports.publish_contributions(uids, window, node.parameters());
    world_.ports.close_window(window);
  }
  void complete(ValidatorNode& node, int64_t window, const std::vector<uint32_t>& uids) {
    close(node, window, uids);
    ASSERT_TRUE(waits(node));
    EXPECT_EQ(node.replica().window(), window + 1);
  }
  [[nodiscard]] AggregateRecord record_at(int64_t window) const {
    return world_.ports.decided_record(window).value();
  }
  static std::vector<uint32_t> accepted_in(const AggregateRecord& record) {
    std::vector<uint32_t> uids;
    for (const AcceptedContribution& accepted : record.accepted) uids.push_back(accepted.uid);
    return uids;
  }
  // What follows from the weights that the leader has on the ledger now.
  [[nodiscard]] PeerSelection peers_by_weight() const {
    const auto weights = world_.ports.ledger.weights(kLeader).value();
    std::vector<PeerCandidate> candidates;
    for (const uint32_t uid : world_.ports.miner_uids()) {
      const auto entry = std::ranges::find(weights, uid, &WeightEntry::uid);
      candidates.push_back({.uid = uid, .weight = entry == weights.end() ? 0 : entry->weight});
    }
    return select_peers(candidates, world_.spec().network);
  }

  const CapturedLogs logs_;
  TestWorld world_{{.miners = 5, .validators = 2}};
};

TEST_F(ValidatorTest, LeadsANewRunWithACheckpointOfTheInitialModel) {
  ValidatorNode leader(world_, kLeader);
  ASSERT_TRUE(awaits_block(leader));
  EXPECT_THAT(list_checkpoints(world_.ports.store, test_bucket(kLeader)).value(), ElementsAre(0));
  EXPECT_EQ(leader.replica().state_root(), world_.ports.initial_root());
}

TEST_F(ValidatorTest, EndsWhereItsKeyIsNotOnTheLedger) {
  const auto engine = make_node_engine(world_.spec());
  LedgerWriter writer(world_.ports.board, world_.ports.ledger, KeyPair::from_seed({9}));
  Validator validator(world_.environment, world_.ports.store, writer, *engine, KeyPair::from_seed({9}), {});
  EXPECT_TRUE(fails(validator.advance(), ErrorKind::kFatal, "is not registered"));
}

TEST_F(ValidatorTest, RecordsWhatItGatheredAndSetsTheWeights) {
  ValidatorNode leader(world_, kLeader);
  complete(leader, 0, {2, 4, 6});
  const AggregateRecord record = record_at(0);
  EXPECT_THAT(accepted_in(record), ElementsAre(2, 4, 6)) << "6 is in reserve, and 3 is missing";
  EXPECT_THAT(record.gather_peers, ElementsAre(2, 3, 4));
  EXPECT_THAT(record.reserve_peers, ElementsAre(5, 6));
  ASSERT_EQ(record.rejected.size(), 2u);
  EXPECT_EQ(record.rejected[0].uid, 3u);
  EXPECT_EQ(record.rejected[1].uid, 5u);
  EXPECT_EQ(leader.replica().state_root(), world_.root_after(record));

  EXPECT_EQ(leader.validator.scoreboard().window, 0);
  double sum = 0;
  const auto entries = world_.ports.ledger.weights(kLeader).value();
  for (const WeightEntry& entry : entries) sum += entry.weight;
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_EQ(world_.ports.metrics.named("validator_window_v2").size(), 1u);
  EXPECT_EQ(world_.ports.metrics.named("validator_scores").size(), 5u);
}

TEST_F(ValidatorTest, MakesANullRoundOfAWindowWithoutContributions) {
  ValidatorNode leader(world_, kLeader);
  complete(leader, 0, {});
  EXPECT_EQ(leader.replica().outer_step(), 0);
  EXPECT_EQ(leader.replica().state_root(), world_.ports.initial_root());
  complete(leader, 1, {2, 3, 4});
  EXPECT_EQ(leader.replica().outer_step(), 1);
}

TEST_F(ValidatorTest, LosesNothingOfItsScoreboardByARestart) {
  Scoreboard before;
  {
    ValidatorNode leader(world_, kLeader);
    for (int64_t window = 0; window < 3; ++window) complete(leader, window, {2, 3, 4, 5});
    before = leader.validator.scoreboard();
  }
  ValidatorNode restarted(world_, kLeader);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(restarted.validator.scoreboard(), before);
  EXPECT_EQ(restarted.replica().window(), 3);
  complete(restarted, 3, {2, 3, 4, 5});
  EXPECT_EQ(restarted.validator.scoreboard().window, 3);
}

TEST_F(ValidatorTest, NamesAScoreboardThatItCannotUseAndWhatToDo) {
  ValidatorNode first(world_, kLeader);
  for (int64_t window = 0; window < 3; ++window) complete(first, window, {2, 3, 4, 5});
  auto& store = world_.ports.store;
  const Bytes whole = store.get(test_bucket(kLeader), kValidatorStateKey, kMaxValidatorStateBytes).value();
  ASSERT_TRUE(store.put(test_bucket(kLeader), kValidatorStateKey, ByteView(whole).first(whole.size() - 10)));
  {
    ValidatorNode torn(world_, kLeader);
    const auto refused = torn.advance();
    EXPECT_TRUE(fails(refused, ErrorKind::kFatal, test_bucket(kLeader) + "/scoreboard.json in the store"));
    EXPECT_TRUE(fails(refused, ErrorKind::kFatal, "remove it, and this validator begins a new scoreboard"));
  }
  ASSERT_TRUE(store.remove(test_bucket(kLeader), kValidatorStateKey));
  ValidatorNode anew(world_, kLeader);
  ASSERT_TRUE(waits(anew));
  EXPECT_EQ(anew.replica().window(), 3);
  EXPECT_EQ(anew.validator.scoreboard().window, -1);
}

TEST_F(ValidatorTest, ReadsItsScoreboardAgainWhereOneReadWentWrong) {
  {
    ValidatorNode first(world_, kLeader);
    for (int64_t window = 0; window < 3; ++window) complete(first, window, {2, 3, 4, 5});
  }
  int torn_reads = 1;
  const StoreHooks hooks{.before = {}, .changed = [&](std::string_view key, Bytes& content) {
                           if (key == kValidatorStateKey && torn_reads-- > 0)
                             content.resize(content.size() / 2);
                         }};
  HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  ValidatorNode restarted(world_.ports, environment, store, kLeader);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(restarted.validator.scoreboard().window, 2);
}

TEST_F(ValidatorTest, GoesOnWhereADecisionThatItHasJudgedIsWithheldAndLaterOnesAreNot) {
  for (int64_t window = 0; window < 2; ++window) {
    ValidatorNode leader(world_, kLeader);
    complete(leader, window, {2, 3});
  }
  ASSERT_TRUE(world_.ports.board.write("decisions/0000000001/0000000000", as_bytes("rubbish"), {}).value());
  SignedLedger fresh(world_.ports.board, run_id(world_.spec()), test_owner().public_key());
  const NodeEnvironment environment(world_.spec(), world_.ports.store, fresh, *world_.ports.shards,
                                    world_.environment.metrics);
  {
    ValidatorNode restarted(world_.ports, environment, world_.ports.store, kLeader);
    EXPECT_TRUE(fails(restarted.advance(), ErrorKind::kFatal, "a run that has begun is not begun again"));
  }
  world_.ports.close_window(2);
  ASSERT_TRUE(world_.ports.writer(kLeader)
                  .decide({.record = world_.ports.record_of(2, 2, world_.ports.initial_root(), {})})
                  .value());
  ValidatorNode restarted(world_.ports, environment, world_.ports.store, kLeader);
  EXPECT_TRUE(restarted.advance());
}

TEST_F(ValidatorTest, JudgesAfterARestartWhatWasDecidedBefore) {
  for (int64_t window = 0; window < 2; ++window) {
    {
      ValidatorNode leader(world_, kLeader);
      close(leader, window, {2, 3});
      while (!world_.ports.decided_record(window)) {
        ASSERT_TRUE(leader.validator.advance());
      }
      ASSERT_EQ(leader.validator.scoreboard().window, window - 1) << "it is to be killed before it judges";
    }
    ValidatorNode restarted(world_, kLeader);
    ASSERT_TRUE(waits(restarted));
    EXPECT_EQ(restarted.validator.scoreboard().window, window);
    EXPECT_EQ(restarted.replica().window(), window + 1);
  }
}

TEST_F(ValidatorTest, TakesTheLeadersSetWhereItsOwnGatherAcceptedMore) {
  world_.begin_run();
  ValidatorNode follower(world_, kFollower);
  close(follower, 0, {2, 3, 4});
  const AggregateRecord record = world_.ports.record_of_first_window({2, 4});
  world_.ports.publish_record(record);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().state_root(), world_.root_after(record));
  EXPECT_EQ(logs_.field(kLeftOut, "peer"), "3");
}

// The miner stands once in the evidence, as accepted, although our own gather came too late to see it in
// time.
TEST_F(ValidatorTest, TakesTheLeadersSetWhereItsOwnGatherAcceptedLess) {
  world_.begin_run();
  ValidatorNode follower(world_, kFollower);
  close(follower, 0, {2, 4});
  world_.ports.publish_contribution(3, 0, follower.parameters());  // too late, for us
  const AggregateRecord record = world_.ports.record_of_first_window({2, 3, 4});
  world_.ports.publish_record(record);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().state_root(), world_.root_after(record));
  EXPECT_EQ(follower.validator.scoreboard().miners.at(3).gathers.back().verdict, VerdictCode::kAccepted);
  EXPECT_EQ(logs_.field(kTakenOver, "peer"), "3");
}

TEST_F(ValidatorTest, TakesTheLeadersVerdictsToo) {
  world_.begin_run();
  ValidatorNode follower(world_, kFollower);
  close(follower, 0, {2, 4});
  AggregateRecord record = world_.ports.record_of_first_window({2, 4});
  record.gather_peers = {2, 3, 4};
  record.rejected = {{3, invalid_verdict("a reason of the leader's")}};
  world_.ports.publish_record(record);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.validator.scoreboard().miners.at(3).gathers.back().verdict, VerdictCode::kInvalid);
}

TEST_F(ValidatorTest, KeepsCopiesOfWhatTheLeaderDecided) {
  ValidatorNode follower(world_, kFollower);
  close(follower, 0, {2, 3, 4});
  world_.ports.publish_record(world_.ports.record_of_first_window({2, 4}));
  ASSERT_TRUE(waits(follower));
  EXPECT_THAT(world_.ports.keys(kFollower, kAcceptedContributionPrefix),
              ElementsAre(accepted_contribution_key(0, 2), accepted_contribution_key(0, 4)));
}

TEST_F(ValidatorTest, DoesNotJudgeAWindowTwiceWhereTheModelIsSetBack) {
  Scoreboard before;
  {
    ValidatorNode leader(world_, kLeader, {.background_checkpoints = false});
    for (int64_t window = 0; window < 3; ++window) complete(leader, window, {2, 3, 4});
    before = leader.validator.scoreboard();
  }
  ValidatorState state = parse_validator_state(world_.ports.object(kLeader, kValidatorStateKey)).value();
  state.next_window = 2;
  world_.ports.put(kLeader, kValidatorStateKey, as_bytes(encode_validator_state(state)));
  ValidatorNode restarted(world_, kLeader);
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(restarted.replica().window(), 3);
  EXPECT_EQ(restarted.validator.scoreboard(), before);
}

TEST_F(ValidatorTest, StartsAgainFromACheckpointWhereItsModelIsNotTheRuns) {
  TestLeader leader(world_);
  leader.publish_checkpoint();
  ValidatorNode follower(world_, kFollower);
  ASSERT_TRUE(waits(follower));
  leader.lead_windows(1);
  ASSERT_TRUE(waits(follower));
  add_to_parameter(*follower.engine, 0, 0, 1);  // behind the replica's back, as a broken memory does
  leader.lead_windows(1);
  ASSERT_TRUE(waits(follower));
  EXPECT_NE(follower.replica().state_root(), leader.replica().state_root());
  leader.lead_windows(1);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(logs_.count(kModelDiffers), 1u);
  EXPECT_EQ(follower.replica().window(), 3);
  EXPECT_EQ(follower.replica().state_root(), leader.replica().state_root());
  EXPECT_EQ(world_.ports.metrics.named("model_divergence").size(), 1u);
}

// The leader's store does not answer for anybody's, once: its own line is away.
TEST_F(ValidatorTest, DecidesNoWindowWhileNobodysStoreAnswers) {
  bool is_away = false;
  StoreHooks hooks;
  hooks.before = [&](std::string_view, std::string_view key, uint64_t) -> Status {
    if (is_away && key.starts_with(kContributionPrefix)) return retry_error("away");
    return {};
  };
  HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  ValidatorNode leader(world_.ports, environment, store, kLeader);
  close(leader, 0, {2, 3, 4});
  is_away = true;
  EXPECT_TRUE(fails(work_until_waiting(leader), ErrorKind::kRetry, "no peer's store answers"));
  EXPECT_EQ(world_.ports.ledger.decision(0, 0).value(), std::nullopt);
  is_away = false;
  ASSERT_TRUE(waits(leader));
  EXPECT_EQ(leader.replica().outer_step(), 1);
  close(leader, 1, {2, 3, 4});
  is_away = true;
  // But not for ever: it may be they.
  world_.ports.close_window(2);
  ASSERT_TRUE(leader.advance());
  EXPECT_TRUE(world_.ports.ledger.decision(1, 0).value());
}

// (window + 2) % 4 == 0: made when window 2 closes, in force from window 4 on.
TEST_F(ValidatorTest, ReplacesThePeerListAtTheWindowThatWasAnnounced) {
  ValidatorNode leader(world_, kLeader);
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
    ValidatorNode leader(world_, kLeader);
    for (int64_t window = 0; window < 3; ++window) complete(leader, window, {4, 5, 6});
  }
  const PeerSelection announced = peers_by_weight();
  ValidatorNode restarted(world_, kLeader);
  for (int64_t window = 3; window < 5; ++window) complete(restarted, window, {4, 5, 6});
  EXPECT_THAT(record_at(3).gather_peers, ElementsAre(2, 3, 4));
  EXPECT_EQ(record_at(4).gather_peers, announced.gather);
}

TEST_F(ValidatorTest, KeepsACopyOfEachContributionThatItsRecordNames) {
  ValidatorNode leader(world_, kLeader);
  complete(leader, 0, {2, 4, 6});
  const auto keys = world_.ports.keys(kLeader, kAcceptedContributionPrefix);
  EXPECT_THAT(keys, ElementsAre(accepted_contribution_key(0, 2), accepted_contribution_key(0, 4),
                                accepted_contribution_key(0, 6)));
  EXPECT_EQ(world_.ports.object(kLeader, keys[0]), world_.ports.object(2, contribution_key(0)));
}

TEST_F(ValidatorTest, DropsCopiesThatAreOlderThanTheRetention) {
  RunSpec spec = node_run_spec();
  spec.network.contribution_retention_windows = 3;
  TestWorld world({.miners = 1, .spec = spec});
  ValidatorNode leader(world, kLeader, {.background_checkpoints = false});
  for (int64_t window = 0; window < 8; ++window) {
    world.ports.enter_window(window);
    ASSERT_TRUE(waits(leader));
    world.ports.publish_contribution(kMiner, window, leader.parameters());
    world.ports.close_window(window);
    ASSERT_TRUE(waits(leader));
  }
  const auto keys = world.ports.keys(kLeader, kAcceptedContributionPrefix);
  EXPECT_THAT(keys, ElementsAre(accepted_contribution_key(5, kMiner), accepted_contribution_key(6, kMiner),
                                accepted_contribution_key(7, kMiner)));
}

TEST_F(ValidatorTest, ComesBackAlthoughMinersHaveTakenBackWhatItsRecordsName) {
  Hash256 root;
  {
    ValidatorNode leader(world_, kLeader);
    for (int64_t window = 0; window < 3; ++window) complete(leader, window, {2, 3, 4});
    root = leader.replica().state_root();
  }
  for (const uint32_t uid : {2, 3, 4}) world_.ports.remove(uid, contribution_key(2));
  ValidatorNode restarted(world_, kLeader);
  ValidatorNode follower(world_, kFollower);
  ASSERT_TRUE(waits(restarted));
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(restarted.replica().state_root(), root);
  EXPECT_EQ(follower.replica().state_root(), root);
}

TEST_F(ValidatorTest, WaitsForALaterCheckpointWhereItCannotFollowARecord) {
  TestLeader leader(world_);
  leader.publish_checkpoint();
  leader.lead_windows(1);
  world_.ports.remove(3, contribution_key(0));
  ValidatorNode follower(world_, kFollower);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().window(), 0);
  leader.lead_windows(1);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().window(), 0);
  leader.publish_checkpoint();
  leader.lead_windows(1);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().window(), 3);
  EXPECT_EQ(follower.replica().state_root(), leader.replica().state_root());
  EXPECT_EQ(logs_.count(kWaitsForCheckpoint), 1u);
}

// After the start: it decides the windows one by one, and one of them can't be.
TEST_F(ValidatorTest, LeavesAWindowThatItCannotFollowForALaterCheckpoint) {
  TestLeader leader(world_);
  leader.publish_checkpoint();
  ValidatorNode follower(world_, kFollower);
  ASSERT_TRUE(waits(follower));
  leader.lead_windows(1);
  world_.ports.remove(3, contribution_key(0));
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().window(), 0);
  leader.publish_checkpoint();
  leader.lead_windows(1);
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().window(), 2);
  EXPECT_EQ(follower.replica().state_root(), leader.replica().state_root());
  EXPECT_EQ(follower.validator.scoreboard().window, 1);
}

TEST_F(ValidatorTest, PublishesACheckpointAtEachIntervalAndAtTheEnd) {
  ValidatorNode leader(world_, kLeader, {.until_window = 3, .tokenizer = {}});
  complete(leader, 0, {2, 3});
  complete(leader, 1, {2, 3});
  close(leader, 2, {2, 3});
  ASSERT_TRUE(finishes(leader));
  EXPECT_THAT(list_checkpoints(world_.ports.store, test_bucket(kLeader)).value(), ElementsAre(0, 2, 3));
}

TEST_F(ValidatorTest, EndsWhereItsStoredStateIsNone) {
  world_.ports.put(kLeader, kValidatorStateKey, as_bytes("rubbish"));
  ValidatorNode leader(world_, kLeader);
  EXPECT_TRUE(fails(leader.validator.advance(), ErrorKind::kFatal, "validator state: not JSON: "));
}

}  // namespace
}  // namespace templar::testing
