#include "sim/virtual_network.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/test_ledger.h"

namespace templar {
namespace {

using testing::fails;

class VirtualNetworkTest : public ::testing::Test {
 protected:
  [[nodiscard]] VirtualNetwork network(VirtualNetworkOptions options = {}) {
    return {ledger_, ledger_, std::move(options)};
  }
  [[nodiscard]] int64_t blocks() const {
    const auto latest = ledger_.latest_block();
    return latest.value() ? (*latest)->number + 1 : 0;
  }
  // Finishes as soon as there are that many blocks.
  [[nodiscard]] DrivenNode waits_for_blocks(int64_t count) {
    return {"waiting", [this, count] {
              return Result<Progress>(blocks() >= count ? Progress::kFinished : Progress::kAwaitsBlock);
            }};
  }

  const testing::CapturedLogs logs_;
  testing::TestLedger ledger_;
};

TEST_F(VirtualNetworkTest, EndsWhenAllNodesHaveFinished) {
  auto net = network();
  net.add(waits_for_blocks(2));
  net.add(waits_for_blocks(5));
  ASSERT_TRUE(net.run());
  EXPECT_EQ(blocks(), 5);
}

TEST_F(VirtualNetworkTest, EndsAtOnceWithoutNodes) {
  EXPECT_TRUE(network().run());
  EXPECT_EQ(blocks(), 0);
}

TEST_F(VirtualNetworkTest, MakesBlocksAtTheirTimesAfterWhatTheLedgerHas) {
  auto net = network({.block_seconds = 7, .genesis_ms = 1000});
  net.add(waits_for_blocks(3));
  ASSERT_TRUE(net.run());
  EXPECT_EQ(ledger_.block(0).value()->time_ms, 1000);
  EXPECT_EQ(ledger_.block(2).value()->time_ms, 15000);
  auto later = network({.block_seconds = 2});
  later.add(waits_for_blocks(4));
  ASSERT_TRUE(later.run());
  EXPECT_EQ(ledger_.block(3).value()->time_ms, 17000);
}

TEST_F(VirtualNetworkTest, MakesABlockOnlyWhenNobodyHasAnythingLeftToDo) {
  std::vector<int64_t> seen;
  int left = 5;
  auto net = network();
  net.add({"busy", [&]() -> Result<Progress> {
             seen.push_back(blocks());
             return left-- > 0 ? Progress::kWorked : Progress::kFinished;
           }});
  net.add(waits_for_blocks(1));
  ASSERT_TRUE(net.run());
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 0, 0, 0, 0, 0}));
}

TEST_F(VirtualNetworkTest, WakesWaitingNodesWhenAnotherHasWorked) {
  bool published = false;
  auto net = network();
  net.add({"reader",
           [&]() -> Result<Progress> { return published ? Progress::kFinished : Progress::kAwaitsObject; }});
  net.add({"writer", [&]() -> Result<Progress> {
             if (published) return Progress::kFinished;
             published = true;
             return Progress::kWorked;
           }});
  ASSERT_TRUE(net.run());
  EXPECT_EQ(blocks(), 0) << "nobody had to wait for time";
}

TEST_F(VirtualNetworkTest, StopsWithTheNameOfANodeThatFailsForGood) {
  for (const ErrorKind kind : {ErrorKind::kFatal, ErrorKind::kSkip}) {
    auto net = network({.threads = 2});
    net.add({"miner-3", [kind]() -> Result<Progress> { return std::unexpected(Error{kind, "no key"}); }});
    net.add(waits_for_blocks(1000000));
    EXPECT_TRUE(fails(net.run(), kind, "miner-3: no key"));
  }
}

TEST_F(VirtualNetworkTest, TriesAgainABlockLaterHoweverMuchTheOthersDo) {
  std::vector<int64_t> tries;
  int work = 300;
  auto net = network();
  net.add({"away", [&]() -> Result<Progress> {
             tries.push_back(blocks());
             if (tries.size() < 4) return retry_error("the store is away");
             return Progress::kFinished;
           }});
  net.add(
      {"busy", [&]() -> Result<Progress> { return work-- > 0 ? Progress::kWorked : Progress::kFinished; }});
  ASSERT_TRUE(net.run());
  EXPECT_EQ(tries, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(logs_.count("node will try again"), 3u);
}

TEST_F(VirtualNetworkTest, GivesUpAfterTooManyRetriesInARow) {
  int tries = 0;
  auto net = network();
  net.add({"away", [&]() -> Result<Progress> {
             ++tries;
             return retry_error("the store is away");
           }});
  EXPECT_TRUE(fails(net.run(), ErrorKind::kRetry, "away: the store is away"));
  EXPECT_EQ(tries, VirtualNetwork::kMaxRetries + 1);
}

TEST_F(VirtualNetworkTest, CountsRetriesInARowAlone) {
  int tries = 0;
  auto net = network();
  net.add({"now and then", [&]() -> Result<Progress> {
             if (++tries > 3 * VirtualNetwork::kMaxRetries) return Progress::kFinished;
             if (tries % 50 == 0) return Progress::kAwaitsObject;
             return retry_error("away");
           }});
  EXPECT_TRUE(net.run());
}

constexpr OutagePauses kShortPauses{.first = std::chrono::milliseconds(1),
                                    .longest = std::chrono::milliseconds(2),
                                    .between_warnings = std::chrono::milliseconds(100)};

TEST_F(VirtualNetworkTest, StandsStillAndSaysSoWhileSomethingIsAway) {
  int tries = 0;
  int64_t blocks_when_back = -1;
  auto net = network({.outage_pauses = kShortPauses});
  net.add({"away", [&]() -> Result<Progress> {
             if (blocks() < 2) return Progress::kAwaitsBlock;
             if (++tries <= 2 * VirtualNetwork::kMaxRetries) return retry_error("the disk is full");
             blocks_when_back = blocks();
             return Progress::kFinished;
           }});
  net.add(waits_for_blocks(5));
  ASSERT_TRUE(net.run());
  EXPECT_EQ(blocks_when_back, 2) << "nobody missed anything";
  EXPECT_EQ(blocks(), 5);
  const size_t said = logs_.count("waiting, and trying again: the network's time stands still");
  EXPECT_GE(said, 2u);
  EXPECT_LE(said, 8u) << "once, and then now and then";
  EXPECT_NE(logs_.text().find("the disk is full"), std::string::npos);
  EXPECT_EQ(logs_.count("goes on"), 1u);
}

TEST_F(VirtualNetworkTest, LetsTheOthersFinishTheirWorkWhileOneIsAway) {
  int work = 50;
  auto net = network({.threads = 2, .outage_pauses = kShortPauses});
  net.add({"away", [&]() -> Result<Progress> {
             if (work > 0) return retry_error("away");
             return Progress::kFinished;
           }});
  net.add(
      {"busy", [&]() -> Result<Progress> { return work-- > 0 ? Progress::kWorked : Progress::kFinished; }});
  EXPECT_TRUE(net.run());
  EXPECT_EQ(blocks(), 0);
}

TEST_F(VirtualNetworkTest, EndsAnOutageAtOnceWhenTold) {
  std::atomic<int> asked = 0;
  auto net = network(
      {.threads = 2,
       .should_stop = [&] { return ++asked > 5; },
       .outage_pauses = OutagePauses{.first = std::chrono::hours(1), .longest = std::chrono::hours(1)}});
  net.add({"away", []() -> Result<Progress> { return retry_error("away"); }});
  EXPECT_TRUE(net.run());
  EXPECT_EQ(blocks(), 0);
}

TEST_F(VirtualNetworkTest, StopsWhenTold) {
  auto net = network({.should_stop = [this] { return blocks() == 3; }});
  net.add(waits_for_blocks(1000000));
  EXPECT_TRUE(net.run());
  EXPECT_EQ(blocks(), 3);
}

TEST_F(VirtualNetworkTest, TellsOfEveryBlock) {
  std::vector<int64_t> told;
  auto net = network({.on_block = [&] { told.push_back(blocks()); }});
  net.add(waits_for_blocks(3));
  ASSERT_TRUE(net.run());
  EXPECT_EQ(told, (std::vector<int64_t>{1, 2, 3}));
}

TEST_F(VirtualNetworkTest, FailsWhereNoBlockCanBeMade) {
  auto net = network({.block_seconds = -1});
  net.add(waits_for_blocks(2));
  EXPECT_TRUE(fails(net.run(), ErrorKind::kFatal, "making a block: "));
}

TEST_F(VirtualNetworkTest, CallsANodeFromOneThreadAtATimeAndSeveralNodesAtOnce) {
  constexpr int kNodes = 4;
  std::atomic<int> together = 0;
  std::array<std::atomic<int>, kNodes> inside{};
  std::array<int, kNodes> steps{};
  auto net = network({.threads = kNodes});
  for (size_t i = 0; i < kNodes; ++i) {
    net.add({"node", [&, i]() -> Result<Progress> {
               EXPECT_EQ(inside.at(i).fetch_add(1), 0);
               if (steps.at(i)++ == 0) {  // gets on only when all four are inside
                 ++together;
                 while (together < kNodes) std::this_thread::yield();
               }
               --inside.at(i);
               return steps.at(i) < 200 ? Progress::kWorked : Progress::kFinished;
             }});
  }
  ASSERT_TRUE(net.run());
  for (const int count : steps) EXPECT_EQ(count, 200);
}

}  // namespace
}  // namespace templar
