#include "node/catch_up/catch_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/leader_by_hand.h"
#include "support/measurement_forms.h"

namespace templar {
namespace {

using testing::fails;

constexpr char kWaits[] = "waiting for the next checkpoint after a window that can't be completed";
constexpr char kDiffers[] = "model differs from the leader's: healing it from the last checkpoint";

// The leader has gone through windows 0 to 3 of three miners, 2 a null round, with a checkpoint of window 1;
// a miner, uid 1, comes.
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
    const auto state = testing::advance_to_the_end(catch_up_, until_window);
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(*state, expected);
  }
  void expect_in_sync() {
    expect_state(CatchUpState::kInSync);
    EXPECT_EQ(replica_.window(), leader_.replica().window());
    EXPECT_EQ(replica_.outer_step(), leader_.replica().outer_step());
    EXPECT_EQ(replica_.state_root(), leader_.replica().state_root());
  }
  void remove(uint32_t uid, const std::string& key) {
    ASSERT_TRUE(world_.store().remove(world_.bucket(uid), key));
  }
  [[nodiscard]] Bytes object(uint32_t uid, const std::string& key) const {
    return world_.communications.store.get(world_.bucket(uid), key, 1 << 20).value();
  }
  void put(uint32_t uid, const std::string& key, ByteView content) {
    ASSERT_TRUE(world_.store().put(world_.bucket(uid), key, content));
  }
  void make_block() {
    const auto latest = world_.communications.ledger.latest_block().value();
    ASSERT_TRUE(world_.communications.ledger.make_block(latest->time_ms + 12000));
  }

  const testing::CapturedLogs logs_;
  testing::NodeWorld world_{3};
  testing::LeaderByHand leader_{world_};
  std::unique_ptr<Engine> engine_ = testing::make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  CatchUp catch_up_{world_.environment, replica_, NodeRole::kMiner,
                    world_.communications.key(1).public_key()};
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
  testing::NodeWorld empty(1);
  Replica replica(empty.environment, *engine_, 1);
  CatchUp catch_up(empty.environment, replica, NodeRole::kMiner, empty.communications.key(1).public_key());
  EXPECT_EQ(catch_up.advance().value(), CatchUpState::kNoCheckpoint);
  EXPECT_FALSE(replica.begun());
}

// However often it is asked: only a new checkpoint or block can change that.
TEST_F(CatchingUp, TriesABrokenCheckpointOnceABlock) {
  put(0, checkpoint_prefix(1) + "manifest.json", as_bytes("rubbish"));
  for (int i = 0; i < 3; ++i) expect_state(CatchUpState::kNoCheckpoint);
  EXPECT_EQ(logs_.count("skipped"), 1u) << logs_.text();
  make_block();
  expect_state(CatchUpState::kNoCheckpoint);
  EXPECT_EQ(logs_.count("skipped"), 2u);
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
  remove(0, aggregate_record_key(1));
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().gathered_windows, 1);
  EXPECT_EQ(catch_up_.report().replayed_windows, 2);
  EXPECT_EQ(logs_.field("no usable record of a past window: gathered by the rule", "window"), "1");
}

TEST_F(CatchingUp, GathersSeveralWindowsInARowWhoseRecordsAreMissing) {
  leader_.lead_windows(2);
  for (const int64_t window : {3, 4}) remove(0, aggregate_record_key(window));
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().gathered_windows, 2);
}

// One that nobody could follow: the next record shows that the own gather was right.
TEST_F(CatchingUp, GathersAWindowWhoseRecordIsUnusable) {
  const Bytes sealed = object(0, aggregate_record_key(1));
  Bytes flipped = sealed;
  flipped[flipped.size() / 2] ^= 1;
  const AggregateRecord record = parse_aggregate_record(sealed).value();
  AggregateRecord of_another_run = record;
  of_another_run.run_id.bytes[0] ^= 1;
  const KeyPair& leader = world_.communications.key(0);
  const std::vector<Bytes> unusable = {flipped,
                                       seal_aggregate_record(record, world_.communications.key(1)),
                                       seal_aggregate_record(of_another_run, leader),
                                       object(0, aggregate_record_key(0)),  // replayed
                                       Bytes(sealed.begin(), sealed.end() - 1),
                                       {}};
  for (size_t i = 0; i < unusable.size(); ++i) {
    put(0, aggregate_record_key(1), unusable[i]);
    replica_.discard();
    expect_in_sync();
    EXPECT_EQ(catch_up_.report().gathered_windows, 1) << i;
  }
}

// The leader may be about to put it right: no record of a later window says that it has left this one.
TEST_F(CatchingUp, LeavesTheNewestWindowAloneWhereItsRecordIsUnusable) {
  put(0, aggregate_record_key(3), as_bytes("rubbish"));
  expect_state(CatchUpState::kInSync);
  EXPECT_EQ(replica_.window(), 3);
  EXPECT_EQ(catch_up_.report().gathered_windows, 0);
}

TEST_F(CatchingUp, FetchesTheLeadersCopyOfWhatItsMinerHasTakenBack) {
  const Bytes contribution = object(2, contribution_key(3));
  remove(2, contribution_key(3));
  put(0, accepted_contribution_key(3, 2), contribution);
  expect_in_sync();
}

TEST_F(CatchingUp, WaitsForTheNextCheckpointAfterAWindowWhoseContributionsAreGone) {
  remove(2, contribution_key(3));
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(replica_.window(), 3);
  EXPECT_EQ(replica_.state_root(), leader_.root_at(3));
  EXPECT_EQ(logs_.field(kWaits, "window"), "3");
  EXPECT_THAT(logs_.field(kWaits, "reason"), ::testing::HasSubstr("window 3: contribution of uid 2: "));
  leader_.lead_windows(1);
  for (int i = 0; i < 3; ++i) {
    make_block();
    expect_state(CatchUpState::kBlocked);
  }
  EXPECT_EQ(logs_.count(kWaits), 1u) << "it says so once";

  leader_.publish_checkpoint();
  leader_.lead_windows(1);
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().checkpoint_window, 5);
  EXPECT_EQ(catch_up_.report().replayed_windows, 1);
}

TEST_F(CatchingUp, GoesOnWhereWhatWasMissingIsThereAgain) {
  const Bytes contribution = object(2, contribution_key(3));
  remove(2, contribution_key(3));
  expect_state(CatchUpState::kBlocked);
  leader_.remove_checkpoints();
  put(2, contribution_key(3), contribution);
  expect_state(CatchUpState::kBlocked);  // it looks once a block
  make_block();
  expect_in_sync();
}

// The leader had made a null round of window 2, although there were contributions; only its record says so.
TEST_F(CatchingUp, WaitsForTheNextCheckpointWhereWhatItGatheredLedElsewhere) {
  remove(0, aggregate_record_key(2));
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(logs_.count(kDiffers), 1u);
  EXPECT_EQ(logs_.field(kWaits, "window"), "2");
  EXPECT_THAT(logs_.field(kWaits, "reason"), ::testing::HasSubstr("gathered without a record of it"));
  make_block();
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(logs_.count(kWaits), 1u);
  leader_.publish_checkpoint();
  make_block();
  expect_in_sync();
  EXPECT_EQ(catch_up_.report().checkpoint_window, 4);
}

TEST_F(CatchingUp, PassesOverACheckpointThatTheRecordOfItsWindowContradicts) {
  world_.publish_record(world_.record_of(1, 1, leader_.root_at(0), {1, 2, 3}));
  expect_state(CatchUpState::kNoCheckpoint);
  EXPECT_THAT(logs_.field("skipped", "reason"),
              ::testing::HasSubstr("the leader's record of window 1 names"));
  leader_.publish_checkpoint();
  make_block();
  expect_in_sync();
}

TEST_F(CatchingUp, WaitsForTheNextCheckpointWhereARecordContradictsWhatFollowsFromIt) {
  world_.publish_record(world_.record_of(2, 2, leader_.root_at(0), {}));
  expect_state(CatchUpState::kBlocked);
  EXPECT_EQ(logs_.field(kWaits, "window"), "1");
  EXPECT_THAT(logs_.field(kWaits, "reason"),
              ::testing::HasSubstr("checkpoint and records lead to root " + leader_.root_at(2).brief()));
  EXPECT_EQ(replica_.outer_step(), 2);
  leader_.publish_checkpoint();
  make_block();
  expect_in_sync();
}

TEST_F(CatchingUp, WaitsWhereARecordCountsOtherOuterSteps) {
  world_.publish_record(world_.record_of(2, 1, leader_.root_at(2), {}));
  expect_state(CatchUpState::kBlocked);
  EXPECT_THAT(logs_.field(kWaits, "reason"), ::testing::HasSubstr("after 2 outer steps"));
}

TEST_F(CatchingUp, EndsTheLeaderWhereItsOwnRecordsContradictItsCheckpoint) {
  CatchUp leading(world_.environment, replica_, NodeRole::kValidator,
                  world_.communications.key(0).public_key());
  world_.publish_record(world_.record_of(2, 2, leader_.root_at(0), {}));
  EXPECT_TRUE(fails(testing::advance_to_the_end(leading), ErrorKind::kFatal, "window 1 can't be completed"));
}

TEST_F(CatchingUp, LetsTheLeaderTryAgainWhereAContributionIsNotToBeHad) {
  CatchUp leading(world_.environment, replica_, NodeRole::kValidator,
                  world_.communications.key(0).public_key());
  const Bytes contribution = object(2, contribution_key(3));
  remove(2, contribution_key(3));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(fails(testing::advance_to_the_end(leading), ErrorKind::kRetry, "contribution of uid 2"));
  }
  put(2, contribution_key(3), contribution);
  EXPECT_EQ(testing::advance_to_the_end(leading).value(), CatchUpState::kInSync);
}

TEST_F(CatchingUp, NamesTheBlockInWhichTheModelDifferedAndHealsIt) {
  expect_in_sync();
  leader_.publish_checkpoint();
  const size_t flipped = world_.environment.layout.size() - 1;
  engine_->parameters()[flipped][3] += 1;  // behind the replica's back, as a broken memory does
  leader_.lead_windows(3);
  expect_in_sync();
  EXPECT_EQ(logs_.count(kDiffers), 1u);
  EXPECT_EQ(logs_.field(kDiffers, "window"), "5")
      << "the first record after the step that the flip went into";
  const auto reports = world_.communications.metrics.named("model_divergence");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(testing::misfits_of(reports[0]), "");
  EXPECT_EQ(reports[0].tags.at("role"), "miner");
  EXPECT_EQ(reports[0].tags.at("uid"), "1");
  const auto& fields = reports[0].fields;
  EXPECT_EQ(std::get<int64_t>(fields.at("window")), 5);
  EXPECT_EQ(std::get<std::string>(fields.at("parameter")), world_.environment.layout[flipped].name);
  EXPECT_EQ(std::get<int64_t>(fields.at("block")), 0);
  EXPECT_EQ(std::get<int64_t>(fields.at("first_byte")), 0);
  EXPECT_EQ(std::get<int64_t>(fields.at("end_byte")), 4 * world_.environment.layout[flipped].count());
  EXPECT_EQ(std::get<int64_t>(fields.at("different_blocks")), 1);
  EXPECT_EQ(std::get<int64_t>(fields.at("blocks")), static_cast<int64_t>(world_.environment.layout.size()));
  EXPECT_EQ(logs_.field("model healed: it differed in", "parameter"),
            world_.environment.layout[flipped].name);
}

TEST_F(CatchingUp, SaysThatNothingCanBeNamedWhereTheCheckpointIsLater) {
  expect_in_sync();
  engine_->parameters()[0][0] += 1;
  leader_.lead_windows(3);
  leader_.publish_checkpoint();
  expect_in_sync();
  EXPECT_EQ(logs_.count("model healed from a later checkpoint: what differed can't be told any more"), 1u);
  EXPECT_TRUE(world_.communications.metrics.named("model_divergence").empty());
}

TEST_F(CatchingUp, HealsUpToWhereTheModelDifferedAlsoWhereItIsToldToStopBefore) {
  expect_in_sync();
  leader_.lead_windows(1);
  const AggregateRecord record = world_.record_of(4, 0, leader_.root_at(3), {});
  catch_up_.heal_from(record);
  expect_state(CatchUpState::kBlocked, 2);  // the record names a root that the window has not
  EXPECT_EQ(logs_.field(kWaits, "window"), "3");
}

}  // namespace
}  // namespace templar
