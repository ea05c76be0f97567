#include "node/catch_up/catch_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/measurement_forms.h"
#include "support/node_expectations.h"
#include "support/test_leader.h"

namespace templar::testing {
namespace {

// The leader has gone through windows 0 to 3 of three miners, 2 a null round, with a checkpoint of window 1;
// kMiner comes.
class CatchingUp : public ::testing::Test {
 protected:
  CatchingUp() {
    leader_.lead_windows(1);
    leader_.publish_checkpoint();
    leader_.lead_windows(1);
    leader_.lead_window({});
    leader_.lead_windows(1);
  }
  void expect_state(CatchUpState expected, std::optional<int64_t> until_window = std::nullopt) {
    const auto state = advance_to_the_end(catch_up_, until_window);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(*state, expected);
  }
  void expect_in_sync() {
    expect_state(CatchUpState::kInSync);
    EXPECT_EQ(replica_.window(), leader_.replica().window());
    EXPECT_EQ(replica_.outer_step(), leader_.replica().outer_step());
    EXPECT_EQ(replica_.state_root(), leader_.replica().state_root());
  }

  const CapturedLogs logs_;
  TestWorld world_;
  TestLeader leader_{world_};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  CatchUp catch_up_{world_.environment, replica_, NodeRole::kMiner, world_.ports.public_key(kMiner)};
};

TEST_F(CatchingUp, ReplaysEveryRecordAfterTheNewestCheckpoint) {
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().checkpoint_window, 1);
  EXPECT_EQ(catch_up_.report().replayed_windows, 3);
  EXPECT_EQ(catch_up_.report().last_null_window, 2);
  EXPECT_EQ(replica_.outer_step(), 3) << "window 2 was a null round";
}

TEST_F(CatchingUp, StopsWhereItIsTold) {
  expect_state(CatchUpState::kInSync, 2);
  EXPECT_EQ(catch_up_.report().replayed_windows, 1);
  EXPECT_EQ(replica_.window(), 2);
  EXPECT_EQ(replica_.state_root(), leader_.root_at(2));
}

TEST_F(CatchingUp, IsNothingBeforeTheLeaderHasACheckpoint) {
  TestWorld empty({.miners = 1});
  Replica replica(empty.environment, *engine_, 1);
  CatchUp catch_up(empty.environment, replica, NodeRole::kMiner, empty.ports.public_key(kMiner));
  EXPECT_EQ(catch_up.advance().value(), CatchUpState::kNoCheckpoint);
  EXPECT_FALSE(replica.begun());
}

// However often it is asked: only a new checkpoint or block can change that.
TEST_F(CatchingUp, TriesABrokenCheckpointOnceABlock) {
  world_.ports.put(kLeader, checkpoint_prefix(1) + "manifest.json", as_bytes("rubbish"));
  for (int i = 0; i < 3; ++i) expect_state(CatchUpState::kNoCheckpoint);
  EXPECT_EQ(logs_.count(kCheckpointSkipped), 1u) << logs_.text();
  world_.ports.make_block();
  expect_state(CatchUpState::kNoCheckpoint);
  EXPECT_EQ(logs_.count(kCheckpointSkipped), 2u);
  leader_.publish_checkpoint();
  expect_in_sync();
}

TEST_F(CatchingUp, DoesNothingWhereTheModelIsInSync) {
  expect_in_sync();
  leader_.remove_checkpoints();
  expect_in_sync();
  EXPECT_FALSE(catch_up_.report().moved());
}

TEST_F(CatchingUp, GoesOnFromTheNodesOwnModelWhereThatIsOnlySomeWindowsOld) {
  expect_in_sync();
  leader_.publish_checkpoint();
  leader_.lead_windows(3);
  leader_.remove_checkpoints();
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().checkpoint_window, std::nullopt);
  EXPECT_EQ(catch_up_.report().replayed_windows, 3);
}

TEST_F(CatchingUp, AppliesWhatIsPublishedMeanwhile) {
  for (int64_t window = 4; window < 9; ++window) {
    ASSERT_EQ(catch_up_.advance().value(), CatchUpState::kWorking);
    leader_.lead_windows(1);
  }
  expect_in_sync();
  EXPECT_EQ(replica_.window(), 9);
}

TEST_F(CatchingUp, GathersAWindowWhoseRecordIsMissing) {
  world_.ports.remove(kLeader, aggregate_record_key(1));
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().gathered_windows, 1);
  EXPECT_EQ(catch_up_.report().replayed_windows, 2);
  EXPECT_EQ(logs_.field("no usable record of a past window: gathered by the rule", "window"), "1");
}

TEST_F(CatchingUp, GathersSeveralWindowsInARowWhoseRecordsAreMissing) {
  leader_.lead_windows(2);
  for (const int64_t window : {3, 4}) world_.ports.remove(kLeader, aggregate_record_key(window));
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().gathered_windows, 2);
}

// One that nobody could follow: the next record shows that the own gather was right.
TEST_F(CatchingUp, GathersAWindowWhoseRecordIsUnusable) {
  const Bytes sealed = world_.ports.object(kLeader, aggregate_record_key(1));
  Bytes flipped = sealed;
  flipped[flipped.size() / 2] ^= 1;
  const AggregateRecord record = parse_aggregate_record(sealed).value();
  AggregateRecord of_another_run = record;
  of_another_run.run_id.bytes[0] ^= 1;
  const KeyPair& leader = world_.ports.key(kLeader);
  const std::vector<Bytes> unusable = {flipped,
                                       seal_aggregate_record(record, world_.ports.key(kMiner)),
                                       seal_aggregate_record(of_another_run, leader),
                                       world_.ports.object(kLeader, aggregate_record_key(0)),  // replayed
                                       Bytes(sealed.begin(), sealed.end() - 1),
                                       {}};
  for (size_t i = 0; i < unusable.size(); ++i) {
    world_.ports.put(kLeader, aggregate_record_key(1), unusable[i]);
    replica_.discard();
    expect_in_sync();
    EXPECT_EQ(catch_up_.report().gathered_windows, 1) << i;
  }
}

// The leader may be about to put it right: no record of a later window says that it has left this one.
TEST_F(CatchingUp, LeavesTheNewestWindowAloneWhereItsRecordIsUnusable) {
  world_.ports.put(kLeader, aggregate_record_key(3), as_bytes("rubbish"));
  expect_state(CatchUpState::kInSync);
  EXPECT_EQ(replica_.window(), 3);
  EXPECT_EQ(catch_up_.report().gathered_windows, 0);
}

TEST_F(CatchingUp, FetchesTheLeadersCopyOfWhatItsMinerHasTakenBack) {
  const Bytes contribution = world_.ports.object(kSecondMiner, contribution_key(3));
  world_.ports.remove(kSecondMiner, contribution_key(3));
  world_.ports.put(kLeader, accepted_contribution_key(3, kSecondMiner), contribution);
  expect_in_sync();
}

TEST_F(CatchingUp, WaitsForTheNextCheckpointAfterAWindowWhoseContributionsAreGone) {
  world_.ports.remove(kSecondMiner, contribution_key(3));
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(replica_.window(), 3);
  EXPECT_EQ(replica_.state_root(), leader_.root_at(3));
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "3");
  EXPECT_THAT(logs_.field(kWaitsForCheckpoint, "reason"),
              ::testing::HasSubstr("window 3: contribution of uid 2: "));
  leader_.lead_windows(1);
  for (int i = 0; i < 3; ++i) {
    world_.ports.make_block();
    expect_state(CatchUpState::kBlocked);
  }
  EXPECT_EQ(logs_.count(kWaitsForCheckpoint), 1u) << "it says so once";

  leader_.publish_checkpoint();
  leader_.lead_windows(1);
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().checkpoint_window, 5);
  EXPECT_EQ(catch_up_.report().replayed_windows, 1);
}

TEST_F(CatchingUp, GoesOnWhereWhatWasMissingIsThereAgain) {
  const Bytes contribution = world_.ports.object(kSecondMiner, contribution_key(3));
  world_.ports.remove(kSecondMiner, contribution_key(3));
  expect_state(CatchUpState::kBlocked);
  leader_.remove_checkpoints();
  world_.ports.put(kSecondMiner, contribution_key(3), contribution);
  expect_state(CatchUpState::kBlocked);  // it looks once a block
  world_.ports.make_block();
  expect_in_sync();
}

// The leader had made a null round of window 2, although there were contributions; only its record says so.
TEST_F(CatchingUp, WaitsForTheNextCheckpointWhereWhatItGatheredLedElsewhere) {
  world_.ports.remove(kLeader, aggregate_record_key(2));
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(logs_.count(kModelDiffers), 1u);
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "2");
  EXPECT_THAT(logs_.field(kWaitsForCheckpoint, "reason"),
              ::testing::HasSubstr("gathered without a record of it"));
  world_.ports.make_block();
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(logs_.count(kWaitsForCheckpoint), 1u);
  leader_.publish_checkpoint();
  world_.ports.make_block();
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().checkpoint_window, 4);
}

TEST_F(CatchingUp, PassesOverACheckpointThatTheRecordOfItsWindowContradicts) {
  world_.ports.publish_record(
      world_.ports.record_of(1, 1, leader_.root_at(0), {kMiner, kSecondMiner, kThirdMiner}));
  expect_state(CatchUpState::kNoCheckpoint);
  EXPECT_THAT(logs_.field(kCheckpointSkipped, "reason"),
              ::testing::HasSubstr("the leader's record of window 1 names"));
  leader_.publish_checkpoint();
  world_.ports.make_block();
  expect_in_sync();
}

TEST_F(CatchingUp, WaitsForTheNextCheckpointWhereARecordContradictsWhatFollowsFromIt) {
  world_.ports.publish_record(world_.ports.record_of(2, 2, leader_.root_at(0), {}));
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "1");
  EXPECT_THAT(logs_.field(kWaitsForCheckpoint, "reason"),
              ::testing::HasSubstr("checkpoint and records lead to root " + leader_.root_at(2).brief()));
  EXPECT_EQ(replica_.outer_step(), 2);
  leader_.publish_checkpoint();
  world_.ports.make_block();
  expect_in_sync();
}

TEST_F(CatchingUp, WaitsWhereARecordCountsOtherOuterSteps) {
  world_.ports.publish_record(world_.ports.record_of(2, 1, leader_.root_at(2), {}));
  expect_state(CatchUpState::kBlocked);
  EXPECT_THAT(logs_.field(kWaitsForCheckpoint, "reason"), ::testing::HasSubstr("after 2 outer steps"));
}

TEST_F(CatchingUp, EndsTheLeaderWhereItsOwnRecordsContradictItsCheckpoint) {
  CatchUp leading(world_.environment, replica_, NodeRole::kValidator, world_.ports.public_key(kLeader));
  world_.ports.publish_record(world_.ports.record_of(2, 2, leader_.root_at(0), {}));
  EXPECT_TRUE(fails(advance_to_the_end(leading), ErrorKind::kFatal, "window 1 can't be completed"));
}

TEST_F(CatchingUp, LetsTheLeaderTryAgainWhereAContributionIsNotToBeHad) {
  CatchUp leading(world_.environment, replica_, NodeRole::kValidator, world_.ports.public_key(kLeader));
  const Bytes contribution = world_.ports.object(kSecondMiner, contribution_key(3));
  world_.ports.remove(kSecondMiner, contribution_key(3));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(fails(advance_to_the_end(leading), ErrorKind::kRetry, "contribution of uid 2"));
  }
  world_.ports.put(kSecondMiner, contribution_key(3), contribution);
  EXPECT_EQ(advance_to_the_end(leading).value(), CatchUpState::kInSync);
}

TEST_F(CatchingUp, NamesTheBlockInWhichTheModelDifferedAndHealsIt) {
  expect_in_sync();
  leader_.publish_checkpoint();
  const size_t flipped = world_.layout().size() - 1;
  add_to_parameter(*engine_, flipped, 3, 1);  // behind the replica's back, as a broken memory does
  leader_.lead_windows(3);
  expect_in_sync();
  EXPECT_EQ(logs_.count(kModelDiffers), 1u);
  EXPECT_EQ(logs_.field(kModelDiffers, "window"), "5")
      << "the first record after the step that the flip went into";
  const auto reports = world_.ports.metrics.named("model_divergence");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(misfits_of(reports[0]), "");
  EXPECT_EQ(reports[0].tags.at("role"), "miner");
  EXPECT_EQ(reports[0].tags.at("uid"), "1");
  const auto& fields = reports[0].fields;
  EXPECT_EQ(std::get<int64_t>(fields.at("window")), 5);
  EXPECT_EQ(std::get<std::string>(fields.at("parameter")), world_.layout()[flipped].name);
  EXPECT_EQ(std::get<int64_t>(fields.at("block")), 0);
  EXPECT_EQ(std::get<int64_t>(fields.at("first_byte")), 0);
  EXPECT_EQ(std::get<int64_t>(fields.at("end_byte")), 4 * world_.layout()[flipped].count());
  EXPECT_EQ(std::get<int64_t>(fields.at("different_blocks")), 1);
  EXPECT_EQ(std::get<int64_t>(fields.at("blocks")), static_cast<int64_t>(world_.layout().size()));
  EXPECT_EQ(logs_.field(kModelHealed, "parameter"), world_.layout()[flipped].name);
}

TEST_F(CatchingUp, SaysThatNothingCanBeNamedWhereTheCheckpointIsLater) {
  expect_in_sync();
  add_to_parameter(*engine_, 0, 0, 1);
  leader_.lead_windows(3);
  leader_.publish_checkpoint();
  expect_in_sync();
  EXPECT_EQ(logs_.count("model healed from a later checkpoint: what differed can't be told any more"), 1u);
  EXPECT_TRUE(world_.ports.metrics.named("model_divergence").empty());
}

TEST_F(CatchingUp, HealsUpToWhereTheModelDifferedAlsoWhereItIsToldToStopBefore) {
  expect_in_sync();
  leader_.lead_windows(1);
  const AggregateRecord record = world_.ports.record_of(4, 0, leader_.root_at(3), {});
  EXPECT_TRUE(catch_up_.take_over(ModelDiverged{record}));
  expect_state(CatchUpState::kBlocked, 2);  // the record names a root that the window has not
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "3");
}

}  // namespace
}  // namespace templar::testing
