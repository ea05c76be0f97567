// A validator that publishes checkpoints into a store that fails now and then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/checkpoint/checkpoint.h"
#include "sim/faulty_store.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/node_expectations.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr char kRetries[] = "checkpoint not published: will try with the next window's";

class PublishingCheckpoints : public ::testing::Test {
 protected:
  // Leads windows up to that one, each with one contribution.
  void lead_to(ValidatorNode& leader, int64_t end) {
    for (int64_t window = leader.replica().window(); window < end; ++window) {
      world_.ports.enter_window(window);
      ASSERT_TRUE(waits(leader));
      world_.ports.publish_contribution(kMiner, window, leader.parameters());
      world_.ports.close_window(window);
      ASSERT_TRUE(waits(leader));
    }
  }
  [[nodiscard]] std::vector<int64_t> checkpoints() const {
    return list_checkpoints(world_.ports.store, test_bucket(kLeader)).value();
  }
  void set_fault(const std::string& key, const StoreFault& fault) {
    store_.set_fault(test_bucket(kLeader), key, fault);
  }
  [[nodiscard]] ValidatorNode make_leader(const ValidatorOptions& options = {}) {
    return {world_.ports, environment_, store_, kLeader, options};
  }

  const CapturedLogs logs_;
  TestWorld world_{{.miners = 1}};
  FaultyStore store_{world_.ports.store};
  const NodeEnvironment environment_ = environment_of(world_.ports, {.store = &store_});
};

TEST_F(PublishingCheckpoints, GoesOnWhereTheStoreIsAwayAndPublishesALaterOne) {
  set_fault(checkpoint_prefix(2) + "model.safetensors", {.failing_puts = 1});
  ValidatorNode leader = make_leader();
  ASSERT_TRUE(waits(leader));
  lead_to(leader, 6);
  ASSERT_TRUE(leader.validator.finish());
  EXPECT_EQ(logs_.count(kRetries), 1u);
  EXPECT_THAT(checkpoints(), Not(Contains(2)));
  EXPECT_THAT(checkpoints(), Contains(::testing::Gt(2)));
  EXPECT_EQ(latest_checkpoint(store_, test_bucket(kLeader)).value(), checkpoints().back());
}

TEST_F(PublishingCheckpoints, WaitsForTheFirstOneThatEverybodyBeginsWith) {
  set_fault(checkpoint_manifest_key(0), {.failing_puts = 2});
  ValidatorNode leader = make_leader();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(fails(work_until_waiting(leader), ErrorKind::kRetry, "the store is away"));
    EXPECT_TRUE(checkpoints().empty());
  }
  ASSERT_TRUE(waits(leader));
  EXPECT_EQ(checkpoints(), std::vector<int64_t>{0});
}

TEST_F(PublishingCheckpoints, WaitsForEachOneWhereItIsNotToWorkInTheBackground) {
  ValidatorNode leader = make_leader({.background_checkpoints = false});
  ASSERT_TRUE(waits(leader));
  lead_to(leader, 2);
  EXPECT_EQ(checkpoints(), (std::vector<int64_t>{0, 2}));
  set_fault(checkpoint_manifest_key(4), {.failing_puts = 1});
  lead_to(leader, 3);
  world_.ports.enter_window(3);
  world_.ports.publish_contribution(kMiner, 3, leader.parameters());
  world_.ports.close_window(3);
  EXPECT_TRUE(fails(work_until_waiting(leader), ErrorKind::kRetry, "the store is away"));
  ASSERT_TRUE(waits(leader));
  EXPECT_EQ(checkpoints(), (std::vector<int64_t>{0, 2, 4}));
}

TEST_F(PublishingCheckpoints, KeepsCopiesThatSomebodyWouldNeedFromTheNewestCheckpoint) {
  // Every checkpoint after the first fails for good, so that all windows would have to be caught up.
  for (int64_t window = 1; window < 20; ++window)
    set_fault(checkpoint_manifest_key(window), {.failing_puts = 1000});
  ValidatorNode leader = make_leader();
  ASSERT_TRUE(waits(leader));
  lead_to(leader, 14);
  (void)leader.validator.finish();
  EXPECT_EQ(checkpoints(), std::vector<int64_t>{0});
  const auto copies = world_.ports.keys(kLeader, kAcceptedContributionPrefix);
  EXPECT_EQ(copies.size(), 14u) << "the retention is 10 windows";
}

}  // namespace
}  // namespace templar::testing
