// A validator that publishes checkpoints into a store that fails now and then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/checkpoint/checkpoint.h"
#include "sim/faulty_store.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/node_world.h"

namespace templar {
namespace {

using ::testing::Contains;
using ::testing::Not;

constexpr char kRetries[] = "checkpoint not published: will try with the next window's";

class PublishingCheckpoints : public ::testing::Test {
 protected:
  // Leads windows up to that one, each with one contribution.
  void lead_to(Validator& leader, const Engine& engine, int64_t end) {
    for (int64_t window = leader.replica().window(); window < end; ++window) {
      world_.communications.enter_window(window);
      ASSERT_TRUE(testing::work_until_waiting(leader));
      world_.communications.publish_contribution(1, window, engine.parameters());
      world_.communications.close_window(window);
      ASSERT_TRUE(testing::work_until_waiting(leader));
    }
  }
  [[nodiscard]] std::vector<int64_t> checkpoints() const {
    return list_checkpoints(world_.communications.store, world_.bucket(0)).value();
  }
  [[nodiscard]] std::unique_ptr<Validator> make_leader(Engine& engine, const ValidatorOptions& options) {
    return std::make_unique<Validator>(environment_, store_, world_.communications.ledger, engine,
                                       world_.communications.key(0), options);
  }

  const testing::CapturedLogs logs_;
  testing::NodeWorld world_{1};
  FaultyStore store_{world_.store()};
  const NodeEnvironment environment_{world_.spec(), store_, world_.communications.ledger,
                                     *world_.communications.shards, world_.communications.metrics};
  std::unique_ptr<Engine> engine_ = testing::make_node_engine(world_.spec());
};

TEST_F(PublishingCheckpoints, GoesOnWhereTheStoreIsAwayAndPublishesALaterOne) {
  store_.set_fault(world_.bucket(0), checkpoint_prefix(2) + "model.safetensors", {.failing_puts = 1});
  const auto leader = make_leader(*engine_, {});
  ASSERT_TRUE(testing::work_until_waiting(*leader));
  lead_to(*leader, *engine_, 6);
  ASSERT_TRUE(leader->finish());
  EXPECT_EQ(logs_.count(kRetries), 1u);
  EXPECT_THAT(checkpoints(), Not(Contains(2)));
  EXPECT_THAT(checkpoints(), Contains(::testing::Gt(2)));
  EXPECT_EQ(latest_checkpoint(store_, world_.bucket(0)).value(), checkpoints().back());
}

TEST_F(PublishingCheckpoints, WaitsForTheFirstOneThatEverybodyBeginsWith) {
  store_.set_fault(world_.bucket(0), checkpoint_manifest_key(0), {.failing_puts = 2});
  const auto leader = make_leader(*engine_, {});
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(testing::fails(testing::work_until_waiting(*leader), ErrorKind::kRetry, "the store is away"));
    EXPECT_TRUE(checkpoints().empty());
  }
  ASSERT_TRUE(testing::work_until_waiting(*leader));
  EXPECT_EQ(checkpoints(), std::vector<int64_t>{0});
}

TEST_F(PublishingCheckpoints, WaitsForEachOneWhereItIsNotToWorkInTheBackground) {
  const auto leader = make_leader(*engine_, {.background_checkpoints = false});
  ASSERT_TRUE(testing::work_until_waiting(*leader));
  lead_to(*leader, *engine_, 2);
  EXPECT_EQ(checkpoints(), (std::vector<int64_t>{0, 2}));
  store_.set_fault(world_.bucket(0), checkpoint_manifest_key(4), {.failing_puts = 1});
  lead_to(*leader, *engine_, 3);
  world_.communications.enter_window(3);
  world_.communications.publish_contribution(1, 3, std::as_const(*engine_).parameters());
  world_.communications.close_window(3);
  EXPECT_TRUE(testing::fails(testing::work_until_waiting(*leader), ErrorKind::kRetry, "the store is away"));
  ASSERT_TRUE(testing::work_until_waiting(*leader));
  EXPECT_EQ(checkpoints(), (std::vector<int64_t>{0, 2, 4}));
}

TEST_F(PublishingCheckpoints, KeepsCopiesThatSomebodyWouldNeedFromTheNewestCheckpoint) {
  // Every checkpoint after the first fails for good, so that all windows would have to be caught up.
  for (int64_t window = 1; window < 20; ++window)
    store_.set_fault(world_.bucket(0), checkpoint_manifest_key(window), {.failing_puts = 1000});
  const auto leader = make_leader(*engine_, {});
  ASSERT_TRUE(testing::work_until_waiting(*leader));
  lead_to(*leader, *engine_, 14);
  (void)leader->finish();
  EXPECT_EQ(checkpoints(), std::vector<int64_t>{0});
  const auto copies = world_.store().list(world_.bucket(0), kAcceptedContributionPrefix).value();
  EXPECT_EQ(copies.size(), 14u) << "the retention is 10 windows";
}

}  // namespace
}  // namespace templar
