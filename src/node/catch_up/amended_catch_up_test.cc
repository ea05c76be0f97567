// Nodes whose ledger withholds an amendment from them.
#include <gtest/gtest.h>

#include "support/amended_run.h"
#include "support/captured_logs.h"
#include "support/node_expectations.h"
#include "support/test_leader.h"

namespace templar::testing {
namespace {

// The ports' board, without its amendments as long as they are withheld.
class WithholdingBoard final : public NoticeBoard {
 public:
  explicit WithholdingBoard(NoticeBoard& board) : board_(board) {}
  bool withholds = true;

  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override {
    if (withholds && key.starts_with("amendments/")) return std::nullopt;
    return board_.read(key);
  }
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override {
    if (withholds && prefix == "amendments/") return std::vector<Notice>();
    return board_.list(prefix);
  }
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view prefix) const override {
    return board_.last(prefix);
  }
  [[nodiscard]] Result<int64_t> revision() const override { return board_.revision(); }
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override {
    return board_.wait_for_change(since, at_most);
  }
  [[nodiscard]] Result<bool> write(std::string_view key, ByteView content,
                                   std::span<const NoticeCondition> conditions) override {
    return board_.write(key, content, conditions);
  }

 private:
  NoticeBoard& board_;
};

// Window 3 is the first by another outer rate; the leader knows it.
class AmendmentWithheld : public ::testing::Test {
 protected:
  AmendmentWithheld() {
    leader_.publish_checkpoint();
    amend(world_.ports, 3, {{"outer.learning_rate", "0.3"}});
  }
  void reveal() {
    board_.withholds = false;
    world_.ports.make_block();
  }

  const CapturedLogs logs_;
  TestWorld world_;
  TestLeader leader_{world_};
  WithholdingBoard board_{world_.ports.board};
  SignedLedger ledger_{board_, world_.environment.run_id, test_owner().public_key()};
  const NodeEnvironment environment_{world_.spec(),        world_.ports.store,   ledger_,
                                     *world_.ports.shards, world_.ports.metrics, {}};
};

TEST_F(AmendmentWithheld, LetsNobodyPassItsWindowAndIsReadAgain) {
  leader_.lead_windows(5);
  const auto engine = make_node_engine(world_.spec());
  Replica replica(environment_, *engine, 1);
  CatchUp catch_up(environment_, replica, NodeRole::kMiner, world_.ports.public_key(kMiner));
  ASSERT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kBlocked);
  EXPECT_EQ(replica.window(), 3);
  EXPECT_EQ(replica.state_root(), leader_.root_at(3));
  const std::string reason = logs_.field(kWaitsForCheckpoint, "reason");
  EXPECT_NE(reason.find("the decision of window 3 was made with amendment 1 ("), std::string::npos) << reason;
  EXPECT_NE(reason.find("the ledger has none for us: not followed"), std::string::npos) << reason;
  EXPECT_NE(reason.find("our ledger withholds one"), std::string::npos) << reason;
  world_.ports.make_block();
  ASSERT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kBlocked) << "still";
  reveal();
  ASSERT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  EXPECT_EQ(replica.window(), 5);
  EXPECT_EQ(replica.state_root(), leader_.replica().state_root());
}

TEST_F(AmendmentWithheld, IsNotFollowedInTheMiddleOfARunEither) {
  MinerNode node(world_.ports, environment_, world_.ports.store, kMiner);
  for (int64_t window = 0; window < 4; ++window) {
    ASSERT_TRUE(waits(node));
    leader_.lead_windows(1);
  }
  ASSERT_TRUE(awaits_block(node));
  EXPECT_EQ(node.replica().window(), 3);
  EXPECT_EQ(logs_.count("alarm: decision_doubted"), 1u);
  reveal();
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 4);
  EXPECT_EQ(node.replica().state_root(), leader_.replica().state_root());
  EXPECT_EQ(logs_.count("alarm has ended: decision_doubted"), 1u);
}

TEST_F(AmendmentWithheld, FromTheLeaderMakesADecisionThatNobodyFollows) {
  leader_.lead_windows(3);
  const auto engine = make_node_engine(world_.spec());
  Replica replica(world_.environment, *engine, 1);
  CatchUp catch_up(world_.environment, replica, NodeRole::kMiner, world_.ports.public_key(kMiner));
  ASSERT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  world_.ports.publish_contributions(world_.ports.miner_uids(), 3, leader_.parameters());
  world_.ports.close_window(3);
  AggregateRecord record = world_.record_of(replica, {kMiner});
  record.amendments = {};
  world_.ports.publish_record(record);
  const auto view = catch_up.leadership().look(replica);
  ASSERT_TRUE(view);
  const auto outcome = catch_up.decide(*view);
  ASSERT_TRUE(outcome);
  const auto* waits = std::get_if<Awaited>(&*outcome);
  ASSERT_NE(waits, nullptr);
  EXPECT_NE(waits->reason.find("made with amendment none in force"), std::string::npos) << waits->reason;
  EXPECT_NE(waits->reason.find("network end-term TERM --after WINDOW"), std::string::npos);
  EXPECT_EQ(logs_.count("alarm: decision_doubted"), 1u);
}

}  // namespace
}  // namespace templar::testing
