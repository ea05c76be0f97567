#include "node/window/leadership.h"

#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// Three validators of stake 3, 2 and 1; term 0 is the first's and ends with window 0. The replica is one's
// that stands at window 1 with the initial model, as after a null round.
class LeadershipTest : public ::testing::Test {
 protected:
  LeadershipTest() {
    world_.ports.publish_record(world_.ports.record_of_first_window({}));
    CHECK(world_.ports.owner().end_term(0).has_value());
    CHECK(replica_.begin_initial(1).has_value());
  }
  // Begins at window 1, after term 0.
  void begin_term(int64_t number, uint32_t uid, const Hash256& root, int64_t outer_step = 0) {
    const auto begun = world_.ports.writer(uid).begin_term({.number = number,
                                                            .previous = 0,
                                                            .leader = {},
                                                            .first_window = 1,
                                                            .outer_step = outer_step,
                                                            .state_root = root,
                                                            .ended_after = {}});
    ASSERT_TRUE(begun && *begun);
  }
  void follow(uint32_t uid, int64_t term) {
    ASSERT_TRUE(world_.ports.writer(uid).beat({.window = 1, .term = term}));
  }
  // Numbers of the terms in force.
  [[nodiscard]] std::vector<int64_t> chain() {
    const auto view = leadership_.look(replica_);
    CHECK(view.has_value());
    std::vector<int64_t> numbers;
    for (const Term& term : view->chain) numbers.push_back(term.number);
    return numbers;
  }
  [[nodiscard]] size_t refusals() const { return logs_.count("alarm: term_refused"); }

  void overwrite_registration(ByteView content) {
    CHECK(world_.ports.board.write("nodes/0000000003", content, {}).value());
  }

  const CapturedLogs logs_;
  TestWorld world_{{.miners = 1, .validators = 3}};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  Leadership leadership_{world_.environment, NodeRole::kMiner, world_.ports.public_key(3)};
  const Hash256 root_ = world_.ports.initial_root();
  const Hash256 wrong_{};
};

using Numbers = std::vector<int64_t>;

TEST_F(LeadershipTest, FollowsATermThatBeginsWithItsModel) {
  begin_term(1, 1, root_);
  EXPECT_EQ(chain(), (Numbers{0, 1}));
  EXPECT_EQ(refusals(), 0u);
  EXPECT_EQ(leadership_.self().uid, 3u);
}

TEST_F(LeadershipTest, RefusesATermThatBeginsWithAnotherModelOrCountsOtherSteps) {
  begin_term(1, 1, wrong_);
  begin_term(2, 2, root_, 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(chain(), (Numbers{0}));
  EXPECT_EQ(refusals(), 2u) << "each once";
  EXPECT_NE(logs_.field("alarm: term_refused", "reason").find(root_.brief()), std::string::npos);
  EXPECT_EQ(logs_.count("alarm has ended: term_refused"), 0u);
  begin_term(3, 1, root_);
  EXPECT_EQ(chain(), (Numbers{0, 3}));
  EXPECT_EQ(chain(), (Numbers{0, 3}));
  EXPECT_EQ(logs_.count("alarm has ended: term_refused"), 1u) << "a newer term is in force";
}

// As after a restart: whoever comes back has refused nothing itself.
TEST_F(LeadershipTest, EndsTheAlarmOfATermThatIsRefusedNoMore) {
  begin_term(1, 1, wrong_);
  EXPECT_EQ(chain(), (Numbers{0}));
  Leadership restarted{world_.environment, NodeRole::kMiner, world_.ports.public_key(3)};
  ASSERT_TRUE(restarted.look(replica_));
  EXPECT_EQ(logs_.count("alarm has ended: term_refused"), 0u) << "it would refuse the term just so";
  begin_term(2, 2, root_);
  ASSERT_TRUE(restarted.look(replica_));
  EXPECT_EQ(logs_.count("alarm has ended: term_refused"), 1u);
}

TEST_F(LeadershipTest, SaysThatTheOwnerHasRemovedTheNode) {
  const PublicKey key = world_.ports.public_key(1);
  Leadership removed{world_.environment, NodeRole::kValidator, key};
  ASSERT_TRUE(removed.look(replica_));
  EXPECT_EQ(logs_.count("alarm: excluded"), 0u);
  ASSERT_TRUE(world_.ports.owner().set_standing(key, {.stake = 2, .is_removed = true}));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(removed.look(replica_));
  EXPECT_EQ(logs_.count("alarm: excluded"), 1u);
  ASSERT_TRUE(world_.ports.owner().set_standing(key, {.stake = 2}));
  ASSERT_TRUE(removed.look(replica_));
  EXPECT_EQ(logs_.count("alarm has ended: excluded"), 1u);
}

TEST_F(LeadershipTest, CannotRefuseWhatMoreThanHalfOfTheStakeFollows) {
  begin_term(1, 0, wrong_);
  follow(0, 1);
  EXPECT_EQ(chain(), (Numbers{0})) << "half is not more than half";
  follow(2, 1);
  EXPECT_EQ(chain(), (Numbers{0, 1}));
  const auto view = leadership_.look(replica_);
  EXPECT_TRUE(begins_otherwise(*view->term_of(1), replica_)) << "so it is ours that is wrong";
  EXPECT_EQ(refusals(), 1u);
}

// Its model begins later: it follows whom the most stake follows.
TEST_F(LeadershipTest, JudgesNoTermThatBeganBeforeItsModel) {
  begin_term(1, 1, wrong_);
  begin_term(2, 2, root_);
  ASSERT_TRUE(replica_.begin_initial(2));
  follow(1, 1);
  EXPECT_EQ(chain(), (Numbers{0, 1}));
  replica_.discard();
  EXPECT_EQ(chain(), (Numbers{0, 1}));
  EXPECT_EQ(refusals(), 0u);
}

TEST_F(LeadershipTest, SaysOnceThatTwoValidatorsAreApart) {
  const auto say = [&](uint32_t uid, const Hash256& root) {
    CHECK(world_.ports.writer(uid).beat({.window = 1, .state_root = root}).has_value());
  };
  say(0, root_);
  say(1, wrong_);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(leadership_.look(replica_));
  EXPECT_EQ(logs_.count("alarm: apart"), 1u);
  say(1, root_);
  ASSERT_TRUE(leadership_.look(replica_));
  say(1, wrong_);
  ASSERT_TRUE(leadership_.look(replica_));
  EXPECT_EQ(logs_.count("alarm: apart"), 2u) << "they had agreed meanwhile";
}

TEST_F(LeadershipTest, EndsWhereTheKeyIsNotOnTheLedger) {
  Leadership stranger(world_.environment, NodeRole::kMiner, KeyPair::from_seed({9}).public_key());
  EXPECT_TRUE(fails(stranger.look(replica_), ErrorKind::kFatal, "is not registered"));
}

TEST_F(LeadershipTest, LooksAtTheLeadersCopiesFirst) {
  begin_term(1, 1, root_);
  const auto view = leadership_.look(replica_);
  std::vector<uint32_t> uids;
  for (const Registration& source : sources_of(*view, view->term_of(1))) uids.push_back(source.uid);
  EXPECT_EQ(uids, (std::vector<uint32_t>{1, 0, 2}));
}

// It would take back what the node went through: as if somebody had begun it without asking.
TEST_F(LeadershipTest, RefusesANewTermThatBeginsBeforeItsWindow) {
  begin_term(1, 1, root_);
  ASSERT_TRUE(replica_.begin_initial(1));
  EXPECT_EQ(chain(), (Numbers{0, 1}));
  ASSERT_TRUE(replica_.begin_initial(3));
  begin_term(2, 2, root_);
  follow(2, 2);
  EXPECT_EQ(chain(), (Numbers{0, 1}));
  EXPECT_EQ(refusals(), 1u);
  EXPECT_NE(logs_.field("alarm: term_refused", "reason")
                .find("term 2 is new and begins window 1, which was decided before"),
            std::string::npos)
      << logs_.text();
  // Who has gone through nothing follows whom the stake follows.
  Leadership other{world_.environment, NodeRole::kMiner, world_.ports.public_key(3)};
  EXPECT_EQ(other.look(replica_).value().chain.back().number, 2);
}

// A stranger, or a program that runs wild, has the ledger's file open.
TEST_F(LeadershipTest, WaitsWhereTheNodesRegistrationIsWrittenOver) {
  const Bytes own = world_.ports.board.read("nodes/0000000003").value()->content;
  ASSERT_TRUE(leadership_.look(replica_));
  overwrite_registration(as_bytes("rubbish"));
  EXPECT_TRUE(
      fails(leadership_.look(replica_), ErrorKind::kRetry, "is not registered on the ledger any more"));
  Leadership begins_now{world_.environment, NodeRole::kMiner, world_.ports.public_key(3)};
  EXPECT_TRUE(fails(begins_now.look(replica_), ErrorKind::kFatal, "is not registered on the ledger"));
  overwrite_registration(own);
  EXPECT_TRUE(leadership_.look(replica_));
}

// Nodes whose machine's clock is not the ledger's; each block is seen as it comes.
TEST_F(LeadershipTest, SaysWhoseClockIsOffUntilItIsSet) {
  VirtualClock machine(world_.ports.ledger.latest_block().value()->time_ms);
  const NodeEnvironment environment(
      world_.spec(), world_.ports.store, world_.ports.ledger, *world_.ports.shards, world_.ports.metrics, {},
      std::make_shared<ContributionPool>(), true, std::make_shared<StandingAlarms>(), &machine);
  Leadership leadership(environment, NodeRole::kMiner, world_.ports.public_key(3));
  const auto see_blocks = [&](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(leadership.look(replica_));
      world_.ports.make_block();
      machine.advance(world_.spec().network.block_seconds * 1000);
    }
    leadership.clocks().see_put(world_.ports.ledger.latest_block().value()->time_ms, machine.now_ms());
    ASSERT_TRUE(leadership.look(replica_));
  };
  see_blocks(2);
  EXPECT_EQ(logs_.count("alarm: clock_off"), 0u);
  machine.advance(3'600'000);
  see_blocks(3);
  EXPECT_EQ(logs_.count("alarm: clock_off"), 1u);
  EXPECT_EQ(logs_.field("alarm: clock_off", "reason"),
            "this machine's clock is 3588 s ahead of the ledger's time and its store's: set it");
  machine.advance(-3'600'000);
  see_blocks(2);
  machine.advance(-3'600'000);
  see_blocks(2);
  EXPECT_EQ(logs_.count("alarm: clock_off"), 2u) << "it was set meanwhile, and is off again";
}

}  // namespace
}  // namespace templar::testing
