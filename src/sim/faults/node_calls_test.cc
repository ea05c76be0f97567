#include "sim/faults/node_calls.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

constexpr NodeCall kPut{"put", "bucket", "key", true};
constexpr NodeCall kGet{"get", "bucket", "key", false};

class Calls : public ::testing::Test {
 protected:
  [[nodiscard]] NodeCalls calls(const CallChances& chances) {
    return {"node", 1, chances, log_, [this](int64_t for_ms) { slept_ms_.push_back(for_ms); }};
  }
  [[nodiscard]] Status make(NodeCalls& calls, const NodeCall& call) {
    return calls.make<Status>(call, [this]() -> Status {
      ++done_;
      return {};
    });
  }
  [[nodiscard]] int64_t counted(FaultKind kind) const { return log_.counts()[static_cast<size_t>(kind)]; }

  const VirtualClock clock_;
  std::vector<std::string> lines_;
  FaultLog log_{clock_, [this](std::string_view line) { lines_.emplace_back(line); }};
  std::vector<int64_t> slept_ms_;
  int done_ = 0;
};

TEST_F(Calls, AreDoneWhereNothingFails) {
  NodeCalls node = calls({});
  EXPECT_TRUE(make(node, kPut));
  EXPECT_EQ(done_, 1);
  EXPECT_EQ(node.count(), 1);
  EXPECT_TRUE(lines_.empty());
}

TEST_F(Calls, ThatAreRefusedAreNotDone) {
  NodeCalls node = calls({.refused = 1});
  EXPECT_TRUE(fails(make(node, kPut), ErrorKind::kRetry, "put bucket/key: refused"));
  EXPECT_EQ(done_, 0);
  EXPECT_EQ(counted(FaultKind::kRefused), 1);
  EXPECT_EQ(lines_, std::vector<std::string>{"       0.000 node: [refused] put bucket/key"});
}

TEST_F(Calls, ThatAreForgottenAreDoneAllTheSame) {
  NodeCalls node = calls({.forgotten = 1});
  EXPECT_TRUE(fails(make(node, kPut), ErrorKind::kRetry, "no answer"));
  EXPECT_EQ(done_, 1);
}

TEST_F(Calls, ThatWriteMayBeDoneTwice) {
  NodeCalls node = calls({.twice = 1});
  EXPECT_TRUE(make(node, kPut));
  EXPECT_EQ(done_, 2);
  EXPECT_TRUE(make(node, kGet));
  EXPECT_EQ(done_, 3);
}

TEST_F(Calls, ThatAreSlowLetTheNodeSleep) {
  NodeCalls node = calls({.slow = 1, .longest_ms = 500});
  EXPECT_TRUE(make(node, kGet));
  ASSERT_EQ(slept_ms_.size(), 2u) << "before and after";
  for (const int64_t slept_ms : slept_ms_) {
    EXPECT_GE(slept_ms, 1);
    EXPECT_LE(slept_ms, 500);
  }
}

TEST_F(Calls, KillTheNodeBeforeTheyAreDone) {
  NodeCalls node = calls({.killed = 1});
  EXPECT_THROW(static_cast<void>(make(node, kPut)), NodeKilled);
  EXPECT_EQ(done_, 0);
  EXPECT_EQ(counted(FaultKind::kKilled) + counted(FaultKind::kPowerCut), 1);
}

TEST_F(Calls, KillTheNodeAlsoAfterTheyAreDone) {
  NodeCalls node = calls({.killed = 0.5});
  for (int i = 0; i < 200; ++i) {
    const int before = done_;
    try {
      static_cast<void>(make(node, kPut));
    } catch (const NodeKilled&) {
      if (done_ > before) return;
    }
  }
  FAIL() << "never after";
}

TEST_F(Calls, FailWhereThereIsNoWay) {
  NodeCalls node = calls({});
  node.cut_off("bucket");
  EXPECT_TRUE(fails(make(node, kGet), ErrorKind::kRetry, "no way there"));
  EXPECT_TRUE(make(node, {"read", kLedgerPlace, "blocks/"}));
  node.reconnect("bucket");
  EXPECT_TRUE(make(node, kGet));
}

TEST_F(Calls, AreHitNoMoreOnceChancesHaveEnded) {
  NodeCalls node = calls({.killed = 1, .refused = 1, .torn_read = 1});
  node.end_chances();
  EXPECT_TRUE(make(node, kPut));
  EXPECT_FALSE(node.hits(FaultKind::kTornRead, kGet));
}

}  // namespace
}  // namespace templar::testing
