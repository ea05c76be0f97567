#include "node/validator/wall_timekeeper.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "support/captured_logs.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

constexpr int64_t kBlockMs = 12'000;
constexpr TimestampMs kStartMs = 1'800'000'000'000;
constexpr int64_t kHourMs = 3'600'000;

// Validators with test_key(0), test_key(1), ... of equal stake, the first of which is a founder, each with a
// wall clock of its own, and the time that goes by for all.
class WallTimekeeperTest : public ::testing::Test {
 protected:
  struct Machine {
    VirtualClock wall{kStartMs};
    VirtualClock store{kStartMs};
    bool has_store = false;
    bool store_answers = true;
    std::unique_ptr<Timekeeper> timekeeper;
    std::unique_ptr<WallTimekeeper> keeper;
  };

  WallTimekeeperTest() {
    network_.block_seconds = kBlockMs / 1000;
    for (uint32_t number = 0; number < 3; ++number) {
      const KeyPair key = test_key(number);
      EXPECT_TRUE(
          LedgerWriter(board_, ledger_, key)
              .register_node(
                  {.role = NodeRole::kValidator, .key = {}, .bucket = test_bucket(number), .store = ""}));
      EXPECT_TRUE(OwnerWriter(board_, ledger_, test_owner())
                      .set_standing(key.public_key(), {.stake = 1, .is_founder = number == 0}));
      machines_.push_back(std::make_unique<Machine>());
      start(number);
    }
  }
  void start(uint32_t number) {
    Machine& machine = *machines_[number];
    const KeyPair key = test_key(number);
    machine.timekeeper = std::make_unique<Timekeeper>(board_, ledger_, key);
    machine.keeper =
        std::make_unique<WallTimekeeper>(*machine.timekeeper, ledger_, network_, key.public_key(),
                                         machine.wall, steady_, store_time_of(machine));
  }
  static WallTimekeeper::StoreTime store_time_of(const Machine& machine) {
    if (!machine.has_store) return {};
    return
        [&machine] { return machine.store_answers ? std::optional(machine.store.now_ms()) : std::nullopt; };
  }
  void start_with_store(uint32_t number) {
    machines_[number]->has_store = true;
    start(number);
  }
  // Time goes by, a second at a time; of the machines these run.
  void pass(int64_t seconds, const std::vector<uint32_t>& running) {
    for (int64_t i = 0; i < seconds; ++i) {
      steady_.advance(1000);
      for (const auto& machine : machines_) {
        machine->wall.advance(1000);
        machine->store.advance(1000);
      }
      for (const uint32_t number : running) EXPECT_TRUE(machines_[number]->keeper->advance());
    }
  }
  [[nodiscard]] Block latest() const { return ledger_.latest_block().value().value(); }

  NetworkSpec network_;
  MemoryNoticeBoard board_;
  SignedLedger ledger_{board_, Hash256{}, test_owner().public_key()};
  VirtualClock steady_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

TEST_F(WallTimekeeperTest, MakesABlockInEachOfTheirSeconds) {
  pass(1, {1, 2});
  EXPECT_EQ(ledger_.latest_block().value(), std::nullopt) << "a founder begins";
  pass(1, {0, 1, 2});
  EXPECT_EQ(latest().number, 0);
  EXPECT_EQ(latest().time_ms, kStartMs + 2000);
  pass(120, {0, 1, 2});
  EXPECT_EQ(latest().number, 10);
  EXPECT_EQ(latest().time_ms, kStartMs + 122'000);
}

TEST_F(WallTimekeeperTest, TakeoverOfTheTimeIsByTheNextInRank) {
  pass(24, {0, 1, 2});
  const int64_t before = latest().number;
  pass(59, {1, 2});
  EXPECT_EQ(latest().number, before) << "uid 0 has its own patience first";
  pass(14, {1, 2});
  EXPECT_GT(latest().number, before);
  EXPECT_GT(latest().time_ms, kStartMs + 80'000) << "the time has gone on meanwhile";
  const int64_t taken = latest().number;
  pass(60, {0, 1, 2});
  EXPECT_EQ(latest().number, taken + 5) << "the one that comes back follows";
  EXPECT_FALSE(machines_[0]->timekeeper->keeps_time().value());
  EXPECT_TRUE(machines_[1]->timekeeper->keeps_time().value());
}

TEST_F(WallTimekeeperTest, DoesNotFollowAClockThatJumps) {
  for (const int64_t jump_ms : {kHourMs, -2 * kHourMs}) {
    const CapturedLogs logs;
    pass(24, {0});
    machines_[0]->wall.advance(jump_ms);
    const Block before = latest();
    pass(120, {0});
    EXPECT_EQ(latest().number, before.number + 10);
    EXPECT_NEAR(static_cast<double>(latest().time_ms), static_cast<double>(before.time_ms + 120'000), 2000);
    EXPECT_EQ(logs.count("this machine's clock is not the ledger's any more: the ledger's time goes on "
                         "without it. Set the clock; a restart believes it again"),
              1u);
    machines_[0]->wall.advance(-jump_ms);
    pass(24, {0});
  }
}

TEST_F(WallTimekeeperTest, LeansTowardsAClockThatIsALittleOff) {
  pass(24, {0});
  machines_[0]->wall.advance(5000);
  pass(12 * 20, {0});
  EXPECT_NEAR(static_cast<double>(latest().time_ms), static_cast<double>(machines_[0]->wall.now_ms()),
              static_cast<double>(kBlockMs));
}

TEST_F(WallTimekeeperTest, GoesOnWithTheTimeOfDayAfterARestart) {
  pass(24, {0});
  const Block before = latest();
  pass(600, {});
  start(0);
  pass(1, {0});
  EXPECT_EQ(latest().number, before.number + 1) << "no burst of blocks";
  EXPECT_EQ(latest().time_ms, machines_[0]->wall.now_ms());
  machines_[0]->wall.advance(-kHourMs);
  start(0);
  pass(25, {0});
  EXPECT_EQ(latest().number, before.number + 3) << "and it never goes back";
  EXPECT_GT(latest().time_ms, machines_[0]->wall.now_ms());
}

TEST_F(WallTimekeeperTest, AsksAStoreBeforeItFollowsAClockThatIsFarOff) {
  Machine& machine = *machines_[0];
  start_with_store(0);
  pass(24, {0});
  for (const bool store_answers : {true, false}) {
    const Block before = latest();
    machine.store_answers = store_answers;
    machine.wall.advance(kHourMs);
    if (!store_answers) machine.store.advance(kHourMs);
    pass(60, {0});
    EXPECT_NEAR(static_cast<double>(latest().time_ms), static_cast<double>(before.time_ms + 60'000), 2000);
    machine.wall.advance(-kHourMs);
    if (!store_answers) machine.store.advance(-kHourMs);
    pass(24, {0});
  }
}

TEST_F(WallTimekeeperTest, SetsTheTimeWhereWallClockAndStoreAgree) {
  const CapturedLogs logs;
  Machine& machine = *machines_[0];
  start_with_store(0);
  pass(24, {0});
  machine.wall.advance(kHourMs);
  machine.store.advance(kHourMs);
  pass(24, {0});
  EXPECT_NEAR(static_cast<double>(latest().time_ms), static_cast<double>(machine.wall.now_ms()),
              static_cast<double>(kBlockMs));
  // The other way it stands still, since it never goes back, until it is caught up.
  const TimestampMs ahead_ms = latest().time_ms;
  const int64_t number = latest().number;
  machine.wall.advance(-60'000);
  machine.store.advance(-60'000);
  pass(36, {0});
  EXPECT_EQ(latest().time_ms, ahead_ms);
  EXPECT_EQ(latest().number, number + 3);
  pass(120, {0});
  EXPECT_NEAR(static_cast<double>(latest().time_ms), static_cast<double>(machine.wall.now_ms()),
              static_cast<double>(kBlockMs));
  EXPECT_EQ(logs.count("the ledger's time is not that of this machine and its store, which agree: it is set "
                       "by them"),
            2u);
}

// Else everybody's contributions would be too early for an hour, for whoever reads the ledger's time.
TEST_F(WallTimekeeperTest, TakeoverByAClockThatIsAnHourAheadMovesNothing) {
  start_with_store(1);
  pass(24, {0, 1});
  machines_[1]->wall.advance(kHourMs);
  const Block before = latest();
  pass(120, {1});
  EXPECT_TRUE(machines_[1]->timekeeper->keeps_time().value());
  EXPECT_GT(latest().number, before.number);
  EXPECT_LT(latest().time_ms, before.time_ms + 130'000);
}

}  // namespace
}  // namespace templar::testing
