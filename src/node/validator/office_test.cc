#include "node/validator/office.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// A board in front of another, which takes no writes for a while.
class AwayForWrites final : public NoticeBoard {
 public:
  explicit AwayForWrites(NoticeBoard& board) : board_(board) {}
  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override {
    return board_.read(key);
  }
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override {
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
    if (is_away) return retry_error("the ledger is away");
    return board_.write(key, content, conditions);
  }

  bool is_away = false;

 private:
  NoticeBoard& board_;
};

class OfficeTest : public ::testing::Test {
 protected:
  OfficeTest() {
    world_.begin_run();
    CHECK(replica_.begin_initial(0).has_value());
    world_.ports.publish_contributions({2, 3}, 0);
    world_.ports.close_window(0);
  }
  [[nodiscard]] Result<bool> decide(std::optional<Office::MadeRecord>& made) {
    const ChainView view = look_at_ledger(world_.environment).value();
    const Registration self = world_.ports.registration(kLeader);
    return office_.decide({view, self, replica_}, {.peers = {.gather = {2, 3, 4}, .reserve = {}}}, timeline_,
                          made);
  }

  TestWorld world_{{.miners = 3, .validators = 2}};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  AwayForWrites board_{world_.ports.board};
  LedgerWriter writer_{board_, world_.ports.ledger, world_.ports.key(kLeader)};
  Office office_{world_.environment, world_.ports.store, writer_, world_.ports.key(kLeader), "here"};
  WindowTimeline timeline_;
};

// A gather moves gigabytes.
TEST_F(OfficeTest, GathersOnceHoweverOftenTheLedgerIsAway) {
  std::optional<Office::MadeRecord> made;
  board_.is_away = true;
  EXPECT_TRUE(fails(decide(made), ErrorKind::kRetry, "the ledger is away"));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->contributions.size(), 2u);
  EXPECT_EQ(world_.ports.decided_record(0), std::nullopt);
  for (const uint32_t uid : {2u, 3u}) world_.ports.remove(uid, contribution_key(0));
  board_.is_away = false;
  EXPECT_TRUE(decide(made).value());
  ASSERT_TRUE(world_.ports.decided_record(0));
  EXPECT_EQ(world_.ports.decided_record(0)->accepted.size(), 2u);
}

// Killed before it could decide, it had told nobody of its record.
TEST_F(OfficeTest, DecidesByWhatTheStoresSayAfterARestart) {
  std::optional<Office::MadeRecord> made;
  board_.is_away = true;
  EXPECT_FALSE(decide(made));
  board_.is_away = false;
  world_.ports.remove(2, contribution_key(0));
  std::optional<Office::MadeRecord> made_anew;
  EXPECT_TRUE(decide(made_anew).value());
  ASSERT_EQ(world_.ports.decided_record(0)->accepted.size(), 1u);
  EXPECT_EQ(world_.ports.decided_record(0)->accepted[0].uid, 3u);
  EXPECT_EQ(world_.ports.decided_record(0)->leader, world_.ports.public_key(kLeader));
}

TEST_F(OfficeTest, KeepsTheCopiesThatItLacks) {
  const AggregateRecord record = world_.ports.record_of_first_window({2, 3});
  world_.ports.publish_record(record);
  const auto fetched = fetch_decided(world_.environment, look_at_ledger(world_.environment).value(), 0);
  ASSERT_TRUE(fetched && *fetched);
  const auto& decided = std::get<DecidedWindow>(**fetched);
  const Registration self = world_.ports.registration(kFollower);
  const std::string first = accepted_contribution_key(0, 2);
  const std::string second = accepted_contribution_key(0, 3);
  world_.ports.put(kFollower, first, as_bytes("cut short"));
  ASSERT_TRUE(office_.keep_copies(self, decided));
  EXPECT_EQ(world_.ports.object(kFollower, first), world_.ports.object(2, contribution_key(0)));
  EXPECT_EQ(world_.ports.object(kFollower, second), world_.ports.object(3, contribution_key(0)));
  world_.ports.enter_window(5);
  const auto stored_ms = [&] {
    return world_.ports.store.head(test_bucket(kFollower), second).value()->stored_at_ms;
  };
  const TimestampMs before_ms = stored_ms();
  ASSERT_TRUE(office_.keep_copies(self, decided));
  EXPECT_EQ(stored_ms(), before_ms) << "put again";
}

}  // namespace
}  // namespace templar::testing
