// What becomes of a run whose leader is lost, wrong, removed or late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/miner/miner.h"
#include "node/validator/validator.h"
#include "support/captured_logs.h"
#include "support/node_expectations.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint32_t kSecond = 1;
constexpr uint32_t kThird = 2;
constexpr uint32_t kMinerNode = 3;
const std::vector<uint32_t> kActing = {4, 5};

// Three validators of stake 3, 2 and 1, the miner 3 as a node, and two more that act by hand.
class Takeover : public ::testing::Test {
 protected:
  Takeover() {
    for (const uint32_t uid : {kLeader, kSecond, kThird}) start(uid);
  }
  void start(uint32_t uid) {
    validators_[uid].emplace(world_, uid, ValidatorOptions{.background_checkpoints = false});
  }
  void kill(uint32_t uid) { validators_[uid].reset(); }
  [[nodiscard]] ValidatorNode& node(uint32_t uid) { return *validators_[uid]; }
  // All that are alive work until all of them wait.
  void work() {
    for (int round = 0; round < 3; ++round) {
      for (auto& [uid, validator] : validators_) {
        if (validator) ASSERT_TRUE(waits(*validator)) << "validator " << uid;
      }
      ASSERT_TRUE(waits(miner_));
    }
  }
  // A window in which everybody could train: by the models of those who follow the run.
  void pass_window(int64_t window) {
    world_.ports.enter_window(window);
    work();
    world_.ports.publish_contributions(kActing, window, miner_.parameters());
    world_.ports.close_window(window);
    work();
  }
  void expect_all_at(int64_t window, int64_t outer_step) {
    for (auto& [uid, validator] : validators_) {
      if (!validator) continue;
      EXPECT_EQ(validator->replica().window(), window) << "validator " << uid;
      EXPECT_EQ(validator->replica().outer_step(), outer_step) << "validator " << uid;
      EXPECT_EQ(validator->replica().state_root(), miner_.replica().state_root()) << "validator " << uid;
    }
    EXPECT_EQ(miner_.replica().window(), window);
  }
  [[nodiscard]] std::vector<Term> terms() const { return world_.ports.ledger.terms().value(); }
  [[nodiscard]] AggregateRecord record_at(int64_t window) const {
    return world_.ports.decided_record(window).value();
  }
  // Those that were raised.
  [[nodiscard]] std::vector<std::string> alarms() const {
    std::vector<std::string> kinds;
    for (const Measurement& measurement : world_.ports.metrics.named("network_alarm")) {
      if (std::get<int64_t>(measurement.fields.at("stands")) == 1)
        kinds.push_back(measurement.tags.at("kind"));
    }
    return kinds;
  }

  const CapturedLogs logs_;
  TestWorld world_{{.miners = 3, .validators = 3}};
  std::map<uint32_t, std::optional<ValidatorNode>> validators_;
  MinerNode miner_{world_, kMinerNode};
};

TEST_F(Takeover, TheNextInRankLeadsOnWhereTheLeaderIsLost) {
  pass_window(0);
  world_.ports.enter_window(1);
  work();
  kill(kLeader);
  world_.ports.publish_contributions(kActing, 1, miner_.parameters());
  for (const int64_t window : {1, 2}) {
    world_.ports.close_window(window);
    work();
    EXPECT_EQ(terms().size(), 1u) << "window " << window;
  }
  EXPECT_THAT(alarms(), ::testing::Contains("nobody_leads"));
  expect_all_at(1, 1);
  world_.ports.close_window(3);
  work();
  ASSERT_EQ(terms().size(), 2u);
  EXPECT_EQ(terms()[1].leader, world_.ports.public_key(kSecond));
  EXPECT_EQ(terms()[1].first_window, 1);
  EXPECT_EQ(logs_.count(kLeadsFromHere), 1u);
  // The open window is gathered again from the stores, and nobody is blamed for those that nobody could train
  // in.
  expect_all_at(4, 2);
  EXPECT_GE(logs_.count("alarm has ended: nobody_leads"), 1u);
  EXPECT_EQ(record_at(1).accepted.size(), 3u);
  for (const int64_t window : {2, 3}) {
    EXPECT_THAT(record_at(window).gather_peers, IsEmpty());
    EXPECT_THAT(record_at(window).rejected, IsEmpty());
  }
  EXPECT_EQ(node(kThird).validator.scoreboard().miners.at(4).gathers.size(), 2u);
  pass_window(4);
  expect_all_at(5, 3);
  EXPECT_EQ(record_at(4).gather_peers, record_at(1).gather_peers) << "by the one rule, whoever leads";
}

TEST_F(Takeover, AnOldLeaderThatComesBackFollowsAndItsLateRecordCountsForNothing) {
  pass_window(0);
  world_.ports.enter_window(1);
  work();
  kill(kLeader);
  world_.ports.publish_contributions(kActing, 1, miner_.parameters());
  world_.ports.close_window(3);
  work();
  expect_all_at(4, 2);
  // It had made its record, of another set, and was stopped before it could decide.
  EXPECT_FALSE(world_.ports.writer(kLeader)
                   .decide({.term = 0, .record = world_.ports.record_of(1, 1, terms()[1].state_root, {4})})
                   .value());
  start(kLeader);
  work();
  EXPECT_EQ(terms().size(), 2u);
  expect_all_at(4, 2);
  EXPECT_EQ(world_.ports.ledger.decision(1, 0).value(), std::nullopt);
  EXPECT_EQ(world_.ports.ledger.decision(1, 1).value()->record.accepted.size(), 3u);
  pass_window(4);
  expect_all_at(5, 3);
  EXPECT_EQ(record_at(4).leader, world_.ports.public_key(kSecond));
}

TEST_F(Takeover, TheOneAfterNextWaitsAWindowMoreForTheNext) {
  pass_window(0);
  kill(kLeader);
  world_.ports.close_window(1);
  work();
  world_.ports.close_window(3);
  ASSERT_TRUE(waits(node(kThird)));
  EXPECT_EQ(terms().size(), 1u) << "it is not its turn yet";
  world_.ports.close_window(4);
  ASSERT_TRUE(waits(node(kThird)));
  ASSERT_EQ(terms().size(), 2u);
  EXPECT_EQ(terms()[1].leader, world_.ports.public_key(kThird));
  work();  // the next, late, follows
  EXPECT_EQ(terms().size(), 2u);
  expect_all_at(5, 2);
}

TEST_F(Takeover, ASecondTermDecidesAWindowWhoseFirstTermNeverDid) {
  pass_window(0);
  kill(kLeader);
  world_.ports.close_window(3);
  while (terms().size() < 2) ASSERT_TRUE(node(kSecond).advance());
  kill(kSecond);
  work();
  world_.ports.close_window(4);
  work();
  for (int64_t window = 5; terms().size() < 3 && window < 12; ++window) {
    world_.ports.close_window(window);
    work();
  }
  ASSERT_EQ(terms().size(), 3u);
  EXPECT_EQ(terms()[2].leader, world_.ports.public_key(kThird));
  EXPECT_EQ(terms()[2].previous, 1);
  EXPECT_EQ(terms()[2].first_window, 1);
  start(kSecond);
  work();
  EXPECT_EQ(node(kSecond).replica().window(), node(kThird).replica().window());
  EXPECT_EQ(node(kSecond).replica().state_root(), node(kThird).replica().state_root());
}

// A leader that does not run our code decides window 1, in which everybody could train.
class WrongDecision : public Takeover {
 protected:
  void SetUp() override {
    pass_window(0);
    world_.ports.enter_window(1);
    work();
    kill(kLeader);
    world_.ports.publish_contributions(kActing, 1, miner_.parameters());
    world_.ports.close_window(1);
    right_ = miner_.replica().state_root();
  }
  void decide(const AggregateRecord& record) {
    ASSERT_TRUE(world_.ports.writer(kLeader).decide({.term = 0, .record = record}).value());
  }
  void decide_for_another_model() {
    decide(world_.ports.record_of(1, 1, blake2b_256(as_bytes("wrong")), {}));
  }
  // Nobody has gone on; once the owner has taken the decision back the next in rank leads on from there.
  void expect_that_the_owner_helps() {
    work();
    EXPECT_EQ(terms().size(), 1u);
    for (const uint32_t uid : {kSecond, kThird}) EXPECT_LE(node(uid).replica().window(), 1) << uid;
    ASSERT_TRUE(world_.ports.owner().end_term(0, 0));
    world_.ports.close_window(2);
    work();
    ASSERT_EQ(terms().size(), 2u);
    EXPECT_EQ(terms()[1].leader, world_.ports.public_key(kSecond));
    EXPECT_EQ(terms()[1].first_window, 1);
    EXPECT_EQ(terms()[1].state_root, right_);
    expect_all_at(3, 2);
    EXPECT_EQ(record_at(1).accepted.size(), 3u);
    start(kLeader);
    pass_window(3);
    expect_all_at(4, 3);
  }

  Hash256 right_;
};

TEST_F(WrongDecision, OfAContributionThatIsWithheldIsTakenBackByTheOwner) {
  AggregateRecord record = world_.ports.record_of(1, 1, right_, {});
  record.accepted = {{4, blake2b_256(as_bytes("withheld")), 100}};
  decide(record);
  work();
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "1");
  EXPECT_THAT(logs_.field(kWaitsForCheckpoint, "reason"), ::testing::HasSubstr("contribution of uid 4"));
  expect_that_the_owner_helps();
}

TEST_F(WrongDecision, ForAnotherModelIsNotFollowedWhereMoreStakeStandsWithUs) {
  ASSERT_TRUE(
      world_.ports.owner().set_standing(world_.ports.public_key(kLeader), {.stake = 1, .is_founder = true}));
  decide_for_another_model();
  work();
  EXPECT_THAT(logs_.field("alarm: decision_doubted", "reason"),
              ::testing::HasSubstr("validators with more stake stand with us at " + right_.brief()));
  EXPECT_THAT(logs_.field("alarm: decision_doubted", "reason"), ::testing::HasSubstr("end-term 0 --after 0"));
  for (const uint32_t uid : {kSecond, kThird}) EXPECT_EQ(node(uid).replica().state_root(), right_) << uid;
  expect_that_the_owner_helps();
}

TEST_F(WrongDecision, ForAnotherModelIsForgottenOnceTheOwnerHasTakenItBack) {
  decide_for_another_model();
  // No more stake stands with us than with the leader: each gives its model up.
  const Hash256 wrong = blake2b_256(as_bytes("wrong"));
  ASSERT_TRUE(world_.ports.writer(kLeader).beat({.window = 1, .outer_step = 1, .state_root = wrong}));
  work();
  EXPECT_THAT(logs_.text(), ::testing::HasSubstr("the decision of window 1"));
  for (const uint32_t uid : {kSecond, kThird}) EXPECT_FALSE(node(uid).replica().begun()) << uid;
  expect_that_the_owner_helps();
}

// A leader with half of the stake, and a wrong model.
class WrongTerm : public Takeover {
 protected:
  void begin_wrong_term(double stake) {
    pass_window(0);
    kill(kLeader);
    ASSERT_TRUE(world_.ports.owner().set_standing(world_.ports.public_key(kLeader),
                                                  {.stake = stake, .is_founder = true}));
    ASSERT_TRUE(world_.ports.owner().end_term(0));
    wrong_.bytes[0] = 7;
    ASSERT_TRUE(world_.ports.writer(kLeader)
                    .begin_term({.number = 1,
                                 .previous = 0,
                                 .leader = {},
                                 .first_window = 1,
                                 .outer_step = 1,
                                 .state_root = wrong_,
                                 .ended_after = {}})
                    .value());
    ASSERT_TRUE(world_.ports.writer(kLeader).beat(
        {.block = 6, .window = 1, .outer_step = 1, .state_root = wrong_, .term = 1}));
  }

  Hash256 wrong_;
};

TEST_F(WrongTerm, IsRefusedByEverybodyAndTheNextTakesOver) {
  begin_wrong_term(3);
  world_.ports.publish_contributions(kActing, 1, miner_.parameters());
  world_.ports.close_window(1);
  work();
  EXPECT_EQ(std::ranges::count(alarms(), "term_refused"), 2)
      << "once by each validator; by then the miner sees that as much stake follows the next term";
  ASSERT_EQ(terms().size(), 3u);
  EXPECT_EQ(terms()[2].leader, world_.ports.public_key(kSecond));
  EXPECT_EQ(terms()[2].previous, 0) << "it does not follow the refused one";
  expect_all_at(2, 2);
  pass_window(2);
  expect_all_at(3, 3);
}

TEST_F(WrongTerm, MakesOursTheWrongModelWhereMostOfTheStakeFollowsIt) {
  begin_wrong_term(3.5);
  world_.ports.close_window(1);
  work();
  EXPECT_EQ(terms().size(), 2u);
  EXPECT_EQ(logs_.count(kModelDiffers), 3u);
  EXPECT_EQ(logs_.field(kModelDiffers, "by"), "term 1");
  EXPECT_EQ(miner_.replica().window(), 1) << "nobody has a checkpoint of that model yet";
  EXPECT_THAT(alarms(), ::testing::Contains("term_refused"));
}

// Anybody with stake can begin a term out of turn; with a wrong model it leads nobody.
TEST_F(Takeover, ALeaderWhoseTermWasOverriddenByAWrongOneBeginsTheNext) {
  pass_window(0);
  world_.ports.enter_window(1);
  work();
  kill(kThird);
  ASSERT_TRUE(world_.ports.writer(kThird)
                  .begin_term({.number = 1,
                               .previous = 0,
                               .leader = {},
                               .first_window = 1,
                               .outer_step = 1,
                               .state_root = {},
                               .ended_after = {}})
                  .value());
  world_.ports.publish_contributions(kActing, 1, miner_.parameters());
  world_.ports.close_window(1);
  work();
  ASSERT_EQ(terms().size(), 3u);
  EXPECT_EQ(terms()[2].leader, world_.ports.public_key(kLeader));
  EXPECT_EQ(terms()[2].previous, 0);
  expect_all_at(2, 2);
}

TEST_F(Takeover, ARemovedLeaderIsFollowedAtOnceAndARemovedMinerIsNotGathered) {
  pass_window(0);
  world_.ports.enter_window(1);
  work();
  world_.ports.publish_contributions(kActing, 1, miner_.parameters());
  ASSERT_TRUE(world_.ports.owner().set_standing(world_.ports.public_key(kLeader),
                                                {.is_removed = true, .is_founder = true}));
  ASSERT_TRUE(world_.ports.owner().set_standing(world_.ports.public_key(4), {.is_removed = true}));
  world_.ports.close_window(1);
  work();
  ASSERT_EQ(terms().size(), 2u);
  EXPECT_EQ(terms()[1].leader, world_.ports.public_key(kSecond));
  expect_all_at(2, 2);
  const AggregateRecord record = record_at(1);
  ASSERT_EQ(record.rejected.size(), 1u);
  EXPECT_EQ(record.rejected[0].uid, 4u);
  EXPECT_EQ(record.rejected[0].verdict.reason, "removed from the run by its owner");
}

TEST_F(Takeover, ANodeJoinsFromTheOthersCopiesWhereTheLeadersBucketIsGone) {
  for (const int64_t window : {0, 1, 2}) pass_window(window);
  world_.ports.remove_all(kLeader, "");
  for (const uint32_t uid : {3u, 4u, 5u}) world_.ports.remove_all(uid, "");
  world_.ports.remove_all(kThird, kAcceptedContributionPrefix);
  world_.ports.remove_all(kThird, kCheckpointsPrefix);
  MinerNode joining(world_, 4);
  ASSERT_TRUE(waits(joining));
  EXPECT_EQ(joining.replica().window(), 3);
  EXPECT_EQ(joining.replica().state_root(), miner_.replica().state_root());
}

TEST_F(Takeover, AFreshValidatorGoesOnWithTheRecordsPeers) {
  pass_window(0);
  kill(kLeader);
  world_.ports.remove(kSecond, kValidatorStateKey);
  kill(kSecond);
  AggregateRecord first = record_at(0);
  start(kSecond);
  world_.ports.close_window(3);
  work();
  pass_window(4);
  ASSERT_EQ(terms().size(), 2u);
  EXPECT_EQ(record_at(1).gather_peers, first.gather_peers);
}

}  // namespace
}  // namespace templar::testing
