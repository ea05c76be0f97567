// That nodes compare their clocks with what they have just put.
#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/node_expectations.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// A machine whose clock is an hour ahead of the ledger's time and the store's.
class NodeClocks : public ::testing::Test {
 protected:
  template <typename Node>
  void see_blocks(Node& node, int count) {
    for (int i = 0; i < count; ++i) {
      world_.ports.make_block();
      machine_.set(latest_ms() + 3'600'000);
      ASSERT_TRUE(waits(node));
    }
  }
  [[nodiscard]] TimestampMs latest_ms() const { return world_.ports.ledger.latest_block().value()->time_ms; }
  [[nodiscard]] std::string reason() const {
    const auto alarm = environment_.alarms->find(AlarmKind::kClockOff);
    return alarm ? alarm->reason : "";
  }

  const CapturedLogs logs_;
  TestWorld world_;
  VirtualClock machine_;
  const NodeEnvironment environment_{world_.spec(),
                                     world_.ports.store,
                                     world_.ports.ledger,
                                     *world_.ports.shards,
                                     world_.ports.metrics,
                                     {},
                                     std::make_shared<ContributionPool>(),
                                     true,
                                     std::make_shared<StandingAlarms>(),
                                     &machine_};
  const std::string named_ =
      "this machine's clock is 3588 s ahead of the ledger's time and its store's: set it";
};

TEST_F(NodeClocks, AreComparedByAMinerOnceItHasPublished) {
  MinerNode node(world_.ports, environment_, world_.ports.store, kMiner);
  machine_.set(latest_ms() + 3'600'000);
  ASSERT_TRUE(waits(node));
  ASSERT_TRUE(world_.ports.has(kMiner, contribution_key(0)));
  see_blocks(node, 2);
  EXPECT_EQ(reason(), named_);
}

TEST_F(NodeClocks, AreComparedByAValidatorOnceItHasJudged) {
  ValidatorNode node(world_.ports, environment_, world_.ports.store, kLeader);
  machine_.set(latest_ms() + 3'600'000);
  ASSERT_TRUE(waits(node));
  world_.ports.publish_contributions({kMiner}, 0);
  for (int blocks = 0; node.replica().window() < 1 && blocks < 100; ++blocks) see_blocks(node, 1);
  ASSERT_EQ(node.replica().window(), 1);
  see_blocks(node, 2);
  EXPECT_EQ(reason(), named_);
}

}  // namespace
}  // namespace templar::testing
