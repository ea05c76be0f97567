// How a validator comes into a run, and when it must not.
#include <gtest/gtest.h>

#include "core/protocol/object_keys.h"
#include "node/validator/validator.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/node_expectations.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// kLeader and kFollower are validators; the miners 2 to 6 act by hand.
class ComingIntoTheRun : public ::testing::Test {
 protected:
  // Window 0, in which two miners publish.
  void complete_window(ValidatorNode& leader) {
    ASSERT_TRUE(waits(leader));
    world_.ports.publish_contributions({2, 3}, 0);
    world_.ports.close_window(0);
    ASSERT_TRUE(waits(leader));
  }

  const CapturedLogs logs_;
  TestWorld world_{{.miners = 5, .validators = 2}};
};

TEST_F(ComingIntoTheRun, BeginsARunOnlyAsAFounderAndOnlyOnce) {
  TestWorld young({.miners = 1, .validators = 2, .begins_run = false});
  young.ports.enter_window(3);
  ValidatorNode follower(young, kFollower);
  ASSERT_TRUE(awaits_object(follower));
  EXPECT_TRUE(young.ports.keys(kFollower).empty());
  EXPECT_TRUE(young.ports.ledger.terms()->empty());
  {
    ValidatorNode founder(young, kLeader);
    ASSERT_TRUE(founder.advance());  // it is killed right behind the term
    ASSERT_EQ(young.ports.ledger.terms()->size(), 1u);
    EXPECT_TRUE(young.ports.keys(kLeader).empty());
  }
  young.ports.enter_window(5);
  ValidatorNode founder(young, kLeader);
  ASSERT_TRUE(waits(founder));
  ASSERT_TRUE(waits(follower));
  ASSERT_EQ(young.ports.ledger.terms()->size(), 1u);
  EXPECT_EQ(young.ports.newest_term().first_window, 3);
  EXPECT_EQ(young.ports.newest_term().state_root, young.ports.initial_root());
  // Nobody could train in windows 3 and 4, nor be blamed for it.
  EXPECT_EQ(founder.replica().window(), 4);
  young.ports.close_window(4);
  ASSERT_TRUE(waits(founder));
  ASSERT_TRUE(waits(follower));
  EXPECT_EQ(follower.replica().window(), 5);
  EXPECT_EQ(follower.replica().outer_step(), 0);
  EXPECT_TRUE(founder.validator.scoreboard().miners.empty());
}

TEST_F(ComingIntoTheRun, SaysWhereItStandsOnceAWindowOfTheLedgersTime) {
  ValidatorNode leader(world_, kLeader, {.software = "9.9"});
  ASSERT_TRUE(waits(leader));
  auto heartbeats = world_.ports.ledger.heartbeats().value();
  ASSERT_EQ(heartbeats.size(), 1u);
  EXPECT_EQ(heartbeats[0],
            (Heartbeat{.uid = kLeader, .state_root = world_.ports.initial_root(), .software = "9.9"}));
  world_.ports.make_block();
  ASSERT_TRUE(waits(leader));
  EXPECT_EQ(world_.ports.ledger.heartbeats().value()[0].block, 0) << "nothing is new";
  ValidatorNode follower(world_, kFollower);
  world_.ports.enter_window(2);
  ASSERT_TRUE(waits(follower));
  heartbeats = world_.ports.ledger.heartbeats().value();
  ASSERT_EQ(heartbeats.size(), 2u);
  EXPECT_EQ(heartbeats[1].block, 10) << "also while it waits for the leader";
  EXPECT_EQ(heartbeats[1].window, 0);
}

TEST_F(ComingIntoTheRun, DoesNotBeginARunAgainWhoseCheckpointsAreGone) {
  {
    ValidatorNode leader(world_, kLeader);
    complete_window(leader);
  }
  world_.ports.remove_all(kLeader, kCheckpointsPrefix);
  world_.ports.remove(kLeader, kValidatorStateKey);
  {
    ValidatorNode restarted(world_, kLeader);
    EXPECT_TRUE(waits(restarted));
    EXPECT_EQ(restarted.replica().window(), 1) << "by the decisions, from the first model";
  }
  world_.ports.remove(kLeader, kValidatorStateKey);
  world_.ports.remove_all(kLeader, kCheckpointsPrefix);
  world_.ports.remove_all(kLeader, kAcceptedContributionPrefix);
  for (const uint32_t uid : world_.ports.miner_uids()) world_.ports.remove_all(uid, kContributionPrefix);
  ValidatorNode restarted(world_, kLeader);
  EXPECT_TRUE(awaits_object(restarted));
  EXPECT_FALSE(restarted.replica().begun());
  EXPECT_EQ(world_.ports.ledger.terms()->size(), 1u);
}

TEST_F(ComingIntoTheRun, EndsWhereTheLedgerKnowsNothingOfWhatItHasJudged) {
  {
    ValidatorNode leader(world_, kLeader);
    complete_window(leader);
  }
  for (const bool begins_run : {false, true}) {
    TestWorld lost(
        {.miners = 5, .validators = 2, .begins_run = begins_run});  // another ledger, of the same run
    lost.ports.put(kLeader, kValidatorStateKey, world_.ports.object(kLeader, kValidatorStateKey));
    ValidatorNode restarted(lost, kLeader);
    EXPECT_TRUE(
        fails(restarted.validator.advance(), ErrorKind::kFatal, "node-0 has a scoreboard up to window 0"));
    EXPECT_EQ(lost.ports.metrics.named("network_alarm").size(), 1u);
  }
}

}  // namespace
}  // namespace templar::testing
