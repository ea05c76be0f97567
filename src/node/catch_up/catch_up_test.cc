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

TEST_F(CatchingUp, IsNothingBeforeTheRunHasBegun) {
  TestWorld empty({.miners = 1, .begins_run = false});
  Replica replica(empty.environment, *engine_, 1);
  CatchUp catch_up(empty.environment, replica, NodeRole::kMiner, empty.ports.public_key(kMiner));
  EXPECT_EQ(catch_up.advance().value(), CatchUpState::kNoCheckpoint);
  EXPECT_FALSE(replica.begun());
}

TEST_F(CatchingUp, BeginsFromTheFirstModelWhileNoWindowIsDecided) {
  TestWorld young({.miners = 1});
  Replica replica(young.environment, *engine_, 1);
  CatchUp catch_up(young.environment, replica, NodeRole::kMiner, young.ports.public_key(kMiner));
  EXPECT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  EXPECT_TRUE(catch_up.report().from_first_model);
  EXPECT_EQ(replica.window(), 0);
  EXPECT_EQ(replica.state_root(), young.ports.initial_root());
}

TEST_F(CatchingUp, BeginsFromTheFirstModelWhereEveryCheckpointIsDamaged) {
  world_.ports.put(kLeader, checkpoint_prefix(1) + "manifest.json", as_bytes("rubbish"));
  expect_in_sync();
  EXPECT_TRUE(catch_up_.report().from_first_model);
  EXPECT_EQ(catch_up_.report().replayed_windows, 4);
}

// There may be models since that nobody could make again.
TEST_F(CatchingUp, WaitsForACheckpointWhereTheFirstWindowsContributionsAreGone) {
  leader_.remove_checkpoints();
  world_.ports.remove(kMiner, contribution_key(0));
  expect_state(CatchUpState::kNoCheckpoint);
  EXPECT_FALSE(replica_.begun());
}

// However often it is asked: only a new checkpoint or block can change that.
TEST_F(CatchingUp, TriesABrokenCheckpointOnceABlock) {
  world_.ports.put(kLeader, checkpoint_prefix(1) + "manifest.json", as_bytes("rubbish"));
  world_.ports.remove(kMiner, contribution_key(0));
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

TEST_F(CatchingUp, HandsEachDecidedWindowOnBeforeItIsApplied) {
  std::vector<int64_t> kept;
  catch_up_.keep = [&](const DecidedWindow& decided) -> Status {
    EXPECT_EQ(decided.window(), replica_.window());
    kept.push_back(decided.window());
    return {};
  };
  expect_in_sync();
  EXPECT_EQ(kept, (std::vector<int64_t>{1, 2, 3}));
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

TEST_F(CatchingUp, WaitsForTheNextCheckpointWhereADecisionContradictsTheOneThatItHas) {
  world_.publish_checkpoint(1, 1, world_.ports.run.values());  // by the validator with all the stake
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "1");
  EXPECT_THAT(
      logs_.field(kWaitsForCheckpoint, "reason"),
      ::testing::HasSubstr("checkpoint and decisions lead to root " + world_.ports.initial_root().brief()));
  EXPECT_THAT(logs_.field(kWaitsForCheckpoint, "reason"),
              ::testing::HasSubstr("the decision of window 1 names " + leader_.root_at(1).brief()));
  leader_.publish_checkpoint();
  world_.ports.make_block();
  expect_in_sync();
}

TEST_F(CatchingUp, GoesOnWhereTheDecisionThatContradictsIsTakenBack) {
  expect_in_sync();
  // As after a restart: the model comes from the checkpoint by decisions alone.
  Replica replica(world_.environment, *engine_, 1);
  CatchUp catch_up(world_.environment, replica, NodeRole::kMiner, world_.ports.public_key(kMiner));
  const Hash256 right = leader_.replica().state_root();
  world_.ports.close_window(4);
  AggregateRecord wrong = world_.ports.record_of(4, 3, blake2b_256(as_bytes("wrong")), {});
  world_.ports.publish_record(wrong);
  EXPECT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kBlocked);
  EXPECT_FALSE(replica.begun());
  ASSERT_TRUE(world_.ports.owner().end_term(0, 3));
  EXPECT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kBlocked) << "it looks once a block";
  world_.ports.make_block();
  EXPECT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  EXPECT_EQ(replica.window(), 4);
  EXPECT_EQ(replica.state_root(), right);
}

TEST_F(CatchingUp, BeginsFromTheFirstModelWhereTheOwnerHasEndedTheFirstTermBeforeItsFirstDecision) {
  TestWorld young({.miners = 1});
  ASSERT_TRUE(young.ports.owner().end_term(0, -1));
  Replica replica(young.environment, *engine_, 1);
  CatchUp catch_up(young.environment, replica, NodeRole::kMiner, young.ports.public_key(kMiner));
  EXPECT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  EXPECT_EQ(replica.window(), 0);
  EXPECT_EQ(replica.state_root(), young.ports.initial_root());
}

TEST_F(CatchingUp, WaitsWhereADecisionCountsOtherOuterSteps) {
  world_.publish_checkpoint(4, 2, leader_.parameters());
  leader_.lead_windows(1);
  expect_state(CatchUpState::kBlocked);
  EXPECT_THAT(logs_.field(kWaitsForCheckpoint, "reason"), ::testing::HasSubstr("after 2 outer steps"));
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
  EXPECT_EQ(logs_.count("alarm: out_of_sync"), 1u);
  EXPECT_EQ(logs_.count("alarm has ended: out_of_sync"), 1u);
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
  const Hash256 wrong = leader_.root_at(3);
  world_.ports.close_window(5);
  world_.ports.publish_record(world_.ports.record_of(5, 4, wrong, {}));
  EXPECT_TRUE(catch_up_.take_over(Diverged{5, 4, wrong, "the decision of window 5"}));
  expect_state(CatchUpState::kBlocked, 2);  // that is a root that the window has not
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "4");
}

}  // namespace
}  // namespace templar::testing
