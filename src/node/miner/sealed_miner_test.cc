// How a miner publishes where uploads are sealed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/miner/miner.h"
#include "support/hooked_store.h"
#include "support/node_expectations.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RunSpec sealed_miner_spec() {
  RunSpec spec = node_run_spec();
  spec.network.sealed_uploads = true;
  return spec;
}

class SealedMiner : public ::testing::Test {
 protected:
  SealedMiner() { world_.begin_run(); }

  [[nodiscard]] std::vector<std::string> keys() const { return world_.ports.keys(kMiner, kUploadKeyPrefix); }
  [[nodiscard]] Gathered gathered(int64_t window) const {
    return gather(world_.environment, world_.request(window, {{kMiner}, {}})).value();
  }
  // The miner and the others train and publish, and the leader accepts that miner alone.
  void complete_window(MinerNode& node, int64_t window) {
    world_.ports.enter_window(window);
    ASSERT_TRUE(awaits_block(node));
    world_.ports.enter_window(window + 1);
    ASSERT_TRUE(awaits_block(node)) << "the end of the put window";
    world_.ports.close_window(window);
    world_.ports.publish_record(world_.record_of(node.replica(), {kMiner}));
    ASSERT_TRUE(waits(node));
    ASSERT_EQ(node.replica().window(), window + 1);
  }

  const TemporaryFolder folder_;
  TestWorld world_{{.spec = sealed_miner_spec()}};
};

TEST_F(SealedMiner, PublishesItsKeyOnceTheWindowIsOver) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(awaits_block(node));
  ASSERT_TRUE(world_.ports.has(kMiner, contribution_key(0)));
  EXPECT_THAT(keys(), IsEmpty());
  world_.ports.make_block();
  ASSERT_TRUE(awaits_block(node));
  EXPECT_THAT(keys(), IsEmpty()) << "the window goes on, and somebody could still store what it learns";
  world_.ports.enter_window(1);
  ASSERT_TRUE(awaits_block(node));
  EXPECT_THAT(keys(), ElementsAre(upload_key_key(0)));
  world_.ports.close_window(0);
  ASSERT_EQ(gathered(0).accepted.size(), 1u);
  EXPECT_EQ(gathered(0).accepted[0].header().inner_steps, 2u);
}

TEST_F(SealedMiner, StoresNothingThatCanBeReadBefore) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(awaits_block(node));
  const Bytes stored = world_.ports.object(kMiner, contribution_key(0));
  EXPECT_TRUE(parse_upload_header(stored));
  EXPECT_FALSE(parse_contribution(stored, world_.layout(), world_.spec().codec));
}

TEST_F(SealedMiner, PublishesItsKeyAfterARestart) {
  const MinerOptions options{.state_file = folder_.path() / "miner.state"};
  {
    MinerNode node(world_, kMiner, options);
    ASSERT_TRUE(awaits_block(node));
  }
  world_.ports.enter_window(1);
  MinerNode again(world_, kMiner, options);
  ASSERT_TRUE(awaits_block(again));
  EXPECT_THAT(keys(), ElementsAre(upload_key_key(0)));
  world_.ports.close_window(0);
  EXPECT_EQ(gathered(0).accepted.size(), 1u);
}

TEST_F(SealedMiner, PublishesItsKeyWhereItsOwnStateIsLost) {
  {
    MinerNode node(world_, kMiner);
    ASSERT_TRUE(awaits_block(node));
  }
  MinerNode again(world_, kMiner);
  ASSERT_TRUE(awaits_block(again)) << "it finds its upload in the window";
  world_.ports.enter_window(1);
  ASSERT_TRUE(awaits_block(again));
  world_.ports.close_window(0);
  EXPECT_EQ(gathered(0).accepted.size(), 1u);
}

TEST_F(SealedMiner, PublishesItsKeyWhereItComesBackWithoutItsStateAfterTheWindow) {
  {
    MinerNode node(world_, kMiner);
    ASSERT_TRUE(awaits_block(node));
  }
  world_.ports.enter_window(1);
  MinerNode again(world_, kMiner);
  ASSERT_TRUE(awaits_block(again));
  EXPECT_THAT(keys(), ElementsAre(upload_key_key(0)));
  world_.ports.close_window(0);
  EXPECT_EQ(gathered(0).accepted.size(), 1u);
}

TEST_F(SealedMiner, TriesAgainWhereTheStoreIsAwayWhenItsKeyIsDue) {
  bool is_away = false;
  StoreHooks hooks;
  hooks.before = [&](std::string_view call, std::string_view key, uint64_t) -> Status {
    const bool concerns_key = key.starts_with(kUploadKeyPrefix) || call == "get_range";
    if (is_away && concerns_key) return retry_error("away");
    return {};
  };
  HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  MinerNode node(world_.ports, environment, store, kMiner);
  ASSERT_TRUE(awaits_block(node));
  world_.ports.enter_window(1);
  is_away = true;
  const auto failed = node.advance();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, ErrorKind::kRetry);
  EXPECT_THAT(keys(), IsEmpty());
  is_away = false;
  ASSERT_TRUE(awaits_block(node));
  EXPECT_THAT(keys(), ElementsAre(upload_key_key(0)));
}

// A put whose answer was lost may be made again: that must not make the key late.
TEST_F(SealedMiner, LeavesTheTimeOfAKeyThatIsThere) {
  bool is_done = false;
  StoreHooks hooks;
  MemoryObjectStore& behind = world_.ports.store;
  hooks.before = [&](std::string_view call, std::string_view key, uint64_t) -> Status {
    if (is_done || call != "put" || !key.starts_with(kUploadKeyPrefix)) return {};
    is_done = true;
    const CipherKey right = world_.ports.upload_key_of(kMiner, 0);
    EXPECT_TRUE(behind.put(test_bucket(kMiner), key, right.bytes));
    return retry_error("the answer was lost");
  };
  HookedStore store(behind, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  MinerNode node(world_.ports, environment, store, kMiner);
  ASSERT_TRUE(awaits_block(node));
  world_.ports.enter_window(1);
  ASSERT_FALSE(node.advance().has_value());
  world_.ports.close_window(0);
  ASSERT_TRUE(waits(node));
  EXPECT_TRUE(is_done);
  EXPECT_EQ(gathered(0).accepted.size(), 1u);
}

TEST_F(SealedMiner, LeavesItsUploadClosedWhereItHasNone) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(awaits_block(node));
  world_.ports.remove(kMiner, contribution_key(0));
  world_.ports.enter_window(1);
  ASSERT_TRUE(awaits_block(node));
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(SealedMiner, TellsNoKeyOfAnUploadThatIsNotItsOwn) {
  constexpr uint32_t kOtherMiner = 2;
  world_.ports.publish_contribution(kOtherMiner, 0);
  const Bytes of_another = world_.ports.object(kOtherMiner, contribution_key(0));
  ASSERT_TRUE(world_.ports.store.put(test_bucket(kMiner), contribution_key(0), of_another));
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(awaits_block(node));
  world_.ports.enter_window(1);
  ASSERT_TRUE(awaits_block(node));
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(SealedMiner, FollowsTheRunOnceItsKeyIsTooLateForAStoreThatIsAway) {
  bool is_away = false;
  StoreHooks hooks;
  hooks.before = [&](std::string_view, std::string_view key, uint64_t) -> Status {
    if (is_away && key.starts_with(kUploadKeyPrefix)) return retry_error("away");
    return {};
  };
  HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  MinerNode node(world_.ports, environment, store, kMiner);
  ASSERT_TRUE(awaits_block(node));
  world_.ports.enter_window(1);
  is_away = true;
  ASSERT_FALSE(node.advance().has_value());
  world_.ports.close_window(0);
  world_.ports.publish_record(world_.record_of(node.replica(), {}));
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 1);
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(SealedMiner, DropsOldKeysWithTheirUploads) {
  TestWorld world({.miners = 1, .spec = [] {
                     RunSpec spec = sealed_miner_spec();
                     spec.network.contribution_retention_windows = 3;
                     return spec;
                   }()});
  world.begin_run();
  MinerNode node(world, kMiner);
  for (int64_t window = 0; window < 6; ++window) {
    world.ports.enter_window(window);
    ASSERT_TRUE(awaits_block(node));
    world.ports.enter_window(window + 1);
    ASSERT_TRUE(awaits_block(node));
    world.ports.close_window(window);
    world.ports.publish_record(world.record_of(node.replica(), {kMiner}));
    ASSERT_TRUE(waits(node));
  }
  EXPECT_THAT(world.ports.keys(kMiner, kUploadKeyPrefix),
              ElementsAre(upload_key_key(3), upload_key_key(4), upload_key_key(5)));
  EXPECT_THAT(
      world.ports.keys(kMiner, kContributionPrefix),
      ElementsAre(contribution_key(3), contribution_key(4), contribution_key(5), contribution_key(6)));
}

TEST_F(SealedMiner, GoesOnFromWindowToWindow) {
  MinerNode node(world_, kMiner);
  for (int64_t window = 0; window < 3; ++window) complete_window(node, window);
  EXPECT_EQ(node.replica().outer_step(), 3);
}

}  // namespace
}  // namespace templar::testing
