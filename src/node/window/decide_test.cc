#include "node/window/decide.h"

#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// A miner's replica at the start of window 0; two miners have sent.
class Decide : public ::testing::Test {
 protected:
  Decide() {
    CHECK(replica_.begin_initial(0).has_value());
    world_.ports.publish_contributions({kMiner, kSecondMiner}, 0);
  }
  [[nodiscard]] WindowDecision ask(const DecideOptions& options = {}) {
    const auto view = leadership_.look(replica_);
    CHECK(view.has_value());
    auto outcome = decide(world_.environment, *view, replica_, options);
    CHECK(outcome.has_value());
    return *std::move(outcome);
  }
  // What it waits for.
  [[nodiscard]] std::optional<Progress> awaited() {
    const WindowDecision outcome = ask();
    const auto* waits = std::get_if<Awaited>(&outcome);
    return waits != nullptr ? std::optional(waits->what) : std::nullopt;
  }

  const CapturedLogs logs_;
  TestWorld world_;
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  Leadership leadership_{world_.environment, NodeRole::kMiner, world_.ports.public_key(kMiner)};
};

TEST_F(Decide, WaitsForTheEndOfThePutWindowAndThenForTheLeader) {
  EXPECT_EQ(awaited(), Progress::kAwaitsBlock);
  world_.ports.close_window(0);
  EXPECT_EQ(awaited(), Progress::kAwaitsEntry);
  const WindowDecision outcome = ask();
  EXPECT_EQ(std::get<Awaited>(outcome).reason, "window 0: validator 0, who leads term 0, has not decided it");
}

TEST_F(Decide, TakesWhatTheLeaderHasDecided) {
  const AggregateRecord record = world_.ports.record_of_first_window({kMiner});
  world_.ports.close_window(0);
  world_.ports.publish_record(record);
  const WindowDecision outcome = ask();
  const auto* decided = std::get_if<DecidedWindow>(&outcome);
  ASSERT_TRUE(decided);
  EXPECT_EQ(decided->record(), record);
  ASSERT_EQ(decided->accepted.size(), 1u);
  EXPECT_EQ(decided->accepted[0].header().uid, kMiner);
}

TEST_F(Decide, SaysThatTheModelIsNotTheDecidedOneBeforeItFetchesAnything) {
  world_.ports.close_window(0);
  AggregateRecord record = world_.ports.record_of_first_window({kMiner});
  record.state_root.bytes[0] ^= 1;
  world_.ports.publish_record(record);
  world_.ports.remove(kMiner, contribution_key(0));
  const WindowDecision outcome = ask();
  const auto* diverged = std::get_if<Diverged>(&outcome);
  ASSERT_TRUE(diverged);
  EXPECT_EQ(diverged->root, record.state_root);
  EXPECT_EQ(diverged->by, "the decision of window 0");
}

TEST_F(Decide, NamesWhatIsMissingAndSeesWhenItHasTurnedUp) {
  world_.ports.close_window(0);
  world_.ports.publish_record(world_.ports.record_of_first_window({kMiner, kSecondMiner}));
  const Bytes contribution = world_.ports.object(kSecondMiner, contribution_key(0));
  const auto view = leadership_.look(replica_).value();

  world_.ports.remove(kSecondMiner, contribution_key(0));
  const WindowDecision outcome = ask();
  const auto* missing = std::get_if<Missing>(&outcome);
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->wanted.accepted.size(), 1u);
  EXPECT_FALSE(has_turned_up(world_.environment, view, *missing));
  world_.ports.put(kLeader, accepted_contribution_key(0, kSecondMiner), contribution);
  EXPECT_TRUE(has_turned_up(world_.environment, view, *missing));
}

TEST_F(Decide, TakesWhatIsAtHandInsteadOfFetchingIt) {
  world_.ports.close_window(0);
  world_.ports.publish_record(world_.ports.record_of_first_window({kMiner}));
  const Contribution contribution = world_.ports.contribution(kMiner, 0);
  world_.ports.remove(kMiner, contribution_key(0));
  const WindowDecision outcome = ask({.at_hand = [&](const AggregateRecord&) {
    return Result<std::vector<Contribution>>(std::vector{contribution});
  }});
  EXPECT_TRUE(std::holds_alternative<DecidedWindow>(outcome));
}

TEST(RecordsPeers, AreAskedUnlessThereAreNone) {
  AggregateRecord record;
  EXPECT_TRUE(asks_nobody(record));
  record.gather_peers = {3};
  EXPECT_FALSE(asks_nobody(record));
  record.gather_peers.clear();
  record.reserve_peers = {2};
  EXPECT_FALSE(asks_nobody(record));
  EXPECT_EQ(selection_of(record).reserve, std::vector<uint32_t>{2});
}

// A leader with little stake says of a window that it begins with a model that nobody else has.
class Outvoted : public ::testing::Test {
 protected:
  void stand(uint32_t uid, const Hash256& root) {
    ASSERT_TRUE(world_.ports.writer(uid).beat({.window = 1, .state_root = root}));
  }
  [[nodiscard]] std::optional<std::string> doubt() {
    const Diverged diverged{.window = 1, .outer_step = 0, .root = wrong_, .by = "the decision of window 1"};
    return doubt_about(diverged, look_at_ledger(world_.environment).value(), replica_);
  }

  TestWorld world_{{.miners = 1, .validators = 3}};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  const Hash256 wrong_ = blake2b_256(as_bytes("wrong"));
};

TEST_F(Outvoted, DecisionsAreNotFollowedByWhoStandsWithMoreStake) {
  ASSERT_TRUE(replica_.begin_initial(1));
  EXPECT_EQ(doubt(), std::nullopt) << "nobody stands with us: it is ours that is wrong";
  stand(1, world_.ports.initial_root());
  EXPECT_EQ(doubt(), std::nullopt) << "2 of stake against the leader's 3";
  stand(2, world_.ports.initial_root());
  EXPECT_EQ(doubt(), std::nullopt) << "3 against 3";
  stand(2, wrong_);
  EXPECT_EQ(doubt(), std::nullopt);
  stand(2, world_.ports.initial_root());
  ASSERT_TRUE(
      world_.ports.owner().set_standing(world_.ports.public_key(kLeader), {.stake = 1, .is_founder = true}));
  ASSERT_TRUE(doubt());
  EXPECT_NE(doubt()->find("network end-term 0 --after 0"), std::string::npos) << *doubt();
}

}  // namespace
}  // namespace templar::testing
