#include "node/miner/miner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "core/data/make_receipt.h"
#include "formats/checkpoint/checkpoint.h"
#include "node/miner/miner_state.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/hooked_store.h"
#include "support/node_expectations.h"
#include "support/temporary_folder.h"
#include "support/test_leader.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// kMiner is a node, the other two miners and the leader act by hand: the leader's checkpoint of window 0 is
// published.
class MinerTest : public ::testing::Test {
 protected:
  explicit MinerTest(const RunSpec& spec = node_run_spec()) : world_({.spec = spec}) { world_.begin_run(); }

  void publish_others(const MinerNode& node, int64_t window) {
    world_.ports.publish_contributions({kSecondMiner, kThirdMiner}, window, node.parameters());
  }
  // The whole window: the miner trains, the others publish, the leader accepts these.
  void complete_window(MinerNode& node, int64_t window, const std::vector<uint32_t>& accepted) {
    world_.ports.enter_window(window);
    ASSERT_TRUE(awaits_block(node));
    publish_others(node, window);
    world_.ports.close_window(window);
    ASSERT_TRUE(awaits_entry(node)) << "the leader's record";
    const Replica& replica = node.replica();
    world_.ports.publish_record(world_.record_of(replica, accepted));
    ASSERT_TRUE(waits(node));
    EXPECT_EQ(replica.window(), window + 1);
  }

  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  TestWorld world_;
};

TEST_F(MinerTest, WaitsForTheRunToBegin) {
  TestWorld empty({.miners = 1, .begins_run = false});
  MinerNode node(empty, kMiner);
  EXPECT_TRUE(awaits_object(node));
  EXPECT_EQ(empty.ports.keys(kMiner).size(), 0u);
}

TEST_F(MinerTest, EndsWhereItsKeyIsNotOnTheLedger) {
  const auto engine = make_node_engine(world_.spec());
  const KeyPair stranger = KeyPair::from_seed({9});
  Miner miner(world_.environment, world_.ports.store, *engine, stranger, {});
  EXPECT_TRUE(fails(miner.advance(), ErrorKind::kFatal, stranger.public_key().hex() + " is not registered"));
}

TEST_F(MinerTest, PublishesAContributionThatEverybodyAccepts) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  world_.ports.close_window(0);
  const auto gathered = gather(world_.environment, world_.request(0, {{kMiner}, {}}));
  ASSERT_TRUE(gathered);
  ASSERT_EQ(gathered->accepted.size(), 1u) << gathered->rejected[0].verdict.reason;
  EXPECT_EQ(gathered->accepted[0].header().inner_steps, 2u);
  EXPECT_EQ(node.replica().state_root(), world_.ports.initial_root());
}

TEST_F(MinerTest, PublishesOneContributionAWindow) {
  MinerNode node(world_, kMiner);
  complete_window(node, 0, {kMiner, kSecondMiner, kThirdMiner});
  complete_window(node, 1, {kMiner, kSecondMiner, kThirdMiner});
  world_.ports.enter_window(2);
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(world_.ports.keys(kMiner, kContributionPrefix).size(), 3u);
  EXPECT_EQ(node.replica().outer_step(), 2);
}

TEST_F(MinerTest, DoesNotOverwriteItsContributionAfterARestart) {
  std::optional<Hash256> first;
  {
    MinerNode node(world_, kMiner);
    ASSERT_TRUE(waits(node));
    first = world_.ports.contribution_hash(kMiner, 0);
    ASSERT_TRUE(first);
  }
  world_.ports.enter_window(0);
  MinerNode restarted(world_, kMiner);
  // Other moments would train something else.
  ASSERT_TRUE(restarted.engine->edit_optimiser_state([](OptimiserState& optimiser) -> Status {
    optimiser.moments[0].values[0] = 1;
    return {};
  }));
  ASSERT_TRUE(waits(restarted));
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 0), first);
  complete_window(restarted, 0, {kMiner, kSecondMiner, kThirdMiner});
}

TEST_F(MinerTest, TrainsAWindowOnlyWhileItLasts) {
  world_.ports.enter_window(1);
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 0), std::nullopt);
}

TEST_F(MinerTest, FetchesWhatTheRecordNamesAndAsksNobodyElse) {
  std::vector<std::string> read;
  StoreHooks hooks;
  hooks.before = [&](std::string_view call, std::string_view key, uint64_t) -> Status {
    if (call == "get" && key.starts_with(kContributionPrefix)) read.emplace_back(key);
    return {};
  };
  HookedStore store(world_.ports.store, hooks);
  const NodeEnvironment environment = environment_of(world_.ports, {.store = &store});
  MinerNode node(world_.ports, environment, store, kMiner);
  ASSERT_TRUE(waits(node));
  publish_others(node, 0);
  world_.ports.close_window(0);
  AggregateRecord record = world_.ports.record_of_first_window({kMiner, kThirdMiner});
  world_.ports.publish_record(record);  // without the second, who had sent as well
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().state_root(), world_.root_after(record));
  EXPECT_EQ(read.size(), 2u);
}

TEST_F(MinerTest, TriesAgainWhereANamedContributionIsNotToBeHad) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  publish_others(node, 0);
  world_.ports.close_window(0);
  world_.ports.publish_record(world_.ports.record_of_first_window({kMiner, kSecondMiner}));
  const Bytes kept = world_.ports.object(kSecondMiner, contribution_key(0));
  world_.ports.remove(kSecondMiner, contribution_key(0));
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 0) << "nothing was changed";
  EXPECT_EQ(logs_.field(kWaitsForCheckpoint, "window"), "0");
  world_.ports.put(kSecondMiner, contribution_key(0), kept);
  world_.ports.enter_window(2);
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 1);
  EXPECT_EQ(logs_.count(kWaitsForCheckpoint), 1u);
}

TEST_F(MinerTest, GoesOnFromANewerCheckpointWhereANamedContributionWasTakenBack) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  publish_others(node, 0);
  world_.ports.close_window(0);
  world_.ports.publish_record(world_.ports.record_of_first_window({kMiner, kSecondMiner}));
  world_.ports.remove(kSecondMiner, contribution_key(0));
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 0);
  world_.publish_checkpoint(1, 1, world_.ports.run.values());
  world_.ports.enter_window(2);
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(node.replica().window(), 1);
  EXPECT_EQ(node.replica().outer_step(), 1);
  EXPECT_EQ(logs_.count(kWaitsForCheckpoint), 1u);
}

// However long that takes: nobody's own gather stands.
TEST_F(MinerTest, WaitsAsLongAsNobodyHasDecided) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  publish_others(node, 0);
  world_.ports.enter_window(20);
  ASSERT_TRUE(awaits_entry(node));
  EXPECT_EQ(node.replica().window(), 0);
}

TEST_F(MinerTest, StartsAgainFromACheckpointWhereItsRootIsNotTheLeaders) {
  MinerNode node(world_, kMiner);
  complete_window(node, 0, {kMiner, kSecondMiner, kThirdMiner});
  ASSERT_TRUE(waits(node));
  // The leader went another way in window 0 and publishes where that led.
  ParameterBuffers other(world_.layout());
  other.copy_from(node.parameters());
  other.spans()[0][0] += 1;
  world_.publish_checkpoint(1, 1, std::as_const(other).spans());
  world_.ports.publish_contributions({kSecondMiner, kThirdMiner}, 1, std::as_const(other).spans());
  ThreadTeam team(1);
  const Hash256 root = compute_state_root(world_.layout(), std::as_const(other).spans(), team);
  world_.ports.close_window(1);
  world_.ports.publish_record(world_.ports.record_of(1, 1, root, {kSecondMiner, kThirdMiner}));
  ASSERT_TRUE(waits(node));
  EXPECT_EQ(logs_.count(kModelDiffers), 1u);
  EXPECT_EQ(node.replica().window(), 2);
  EXPECT_EQ(node.replica().outer_step(), 2);
  EXPECT_EQ(logs_.field(kModelHealed, "parameter"), world_.layout()[0].name);
  // In step with the leader again: what it publishes now starts from the leader's model.
  world_.ports.enter_window(2);
  ASSERT_TRUE(waits(node));
  const auto engine = make_node_engine(world_.spec());
  Replica leader(world_.environment, *engine, 1);
  CatchUp catch_up(world_.environment, leader, NodeRole::kMiner, world_.ports.public_key(kSecondMiner));
  ASSERT_EQ(advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  EXPECT_EQ(world_.ports.contribution(kMiner, 2).header().state_root, leader.state_root());
}

TEST_F(MinerTest, KeepsItsContributionsForTheRetentionAlone) {
  RunSpec spec = node_run_spec();
  spec.network.contribution_retention_windows = 3;
  TestWorld world({.miners = 1, .spec = spec});
  world.begin_run();
  MinerNode node(world, kMiner);
  for (int64_t window = 0; window < 6; ++window) {
    world.ports.enter_window(window);
    ASSERT_TRUE(waits(node));
    world.ports.close_window(window);
    const Replica& replica = node.replica();
    world.ports.publish_record(world.record_of(replica, {kMiner}));
    ASSERT_TRUE(waits(node));
  }
  EXPECT_THAT(world.ports.keys(kMiner), ::testing::ElementsAre(contribution_key(3), contribution_key(4),
                                                               contribution_key(5), contribution_key(6)));
}

TEST_F(MinerTest, FinishesAtTheWindowItWasToRunUpTo) {
  MinerNode node(world_, kMiner, {.until_window = 1});
  ASSERT_TRUE(waits(node));
  publish_others(node, 0);
  world_.ports.close_window(0);
  world_.ports.publish_record(world_.ports.record_of_first_window({kMiner, kSecondMiner, kThirdMiner}));
  ASSERT_TRUE(finishes(node));
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 1), std::nullopt);
}

TEST_F(MinerTest, ReportsTheWindow) {
  MinerNode node(world_, kMiner);
  complete_window(node, 0, {kMiner, kSecondMiner, kThirdMiner});
  const auto reports = world_.ports.metrics.named("training_step_v2");
  ASSERT_EQ(reports.size(), 1u);
  const auto& fields = reports[0].fields;
  EXPECT_EQ(reports[0].tags.at("uid"), "1");
  EXPECT_EQ(reports[0].time_ns, 0) << "when it is written";
  EXPECT_EQ(std::get<int64_t>(fields.at("window")), 0);
  EXPECT_EQ(std::get<int64_t>(fields.at("gather_accepted")), 3);
  EXPECT_EQ(std::get<int64_t>(fields.at("tokens")), 2 * 2 * 8);
  EXPECT_EQ(std::get<std::string>(fields.at("state_root")), node.replica().state_root().hex());
}

TEST_F(MinerTest, DumpsWhatItCompressesIfAskedAndSendsTheSame) {
  const TemporaryFolder folder;
  world_.ports.enter_window(0);
  {
    MinerNode dumping(world_, kMiner, MinerOptions{.dump_folder = folder.path()});
    ASSERT_TRUE(waits(dumping));
  }
  const auto dumped = world_.ports.contribution_hash(kMiner, 0);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "window-00000-uid-1.safetensors"));
  TestWorld other;
  other.begin_run();
  other.ports.enter_window(0);
  MinerNode plain(other, kMiner);
  ASSERT_TRUE(waits(plain));
  EXPECT_EQ(dumped, other.ports.contribution(kMiner, 0).content_hash());
}

class MinerInDemo : public MinerTest {
 protected:
  MinerInDemo() : MinerTest(demo_node_run_spec()) {}

  // The miner's state before window 0, after three windows whose momentum, in the last parameter, has grown
  // to that size.
  void save_momentum(float size) const {
    const auto engine = make_node_engine(world_.spec());
    ParameterBuffers momentum(world_.layout());
    std::ranges::fill(momentum.spans().back(), size);
    CHECK(save_miner_state({folder_ / "state", world_.environment.run_id, world_.layout()},
                           {.window = 0, .iterations = 3}, momentum.spans(),
                           engine->optimiser_state().value(), Durability::kKilledProcess)
              .has_value());
  }
};

TEST_F(MinerInDemo, PublishesAContributionThatEverybodyAccepts) {
  MinerNode node(world_, kMiner);
  ASSERT_TRUE(waits(node));
  world_.ports.close_window(0);
  const auto gathered = gather(world_.environment, world_.request(0, {{kMiner}, {}}));
  ASSERT_TRUE(gathered);
  ASSERT_EQ(gathered->accepted.size(), 1u) << gathered->rejected[0].verdict.reason;
}

TEST_F(MinerInDemo, SealsWindowAndSampleReceiptIntoItsContribution) {
  MinerNode node(world_, kMiner);
  complete_window(node, 0, {kMiner, kSecondMiner, kThirdMiner});
  world_.ports.enter_window(1);
  ASSERT_TRUE(waits(node));
  const Contribution contribution = world_.ports.contribution(kMiner, 1);
  const ContributionHeader& header = contribution.header();
  EXPECT_EQ(header.run_id, world_.environment.run_id);
  EXPECT_EQ(header.window, 1);
  EXPECT_EQ(header.uid, kMiner);
  EXPECT_EQ(header.public_key, world_.ports.public_key(kMiner));
  EXPECT_EQ(header.state_root, node.replica().state_root());
  EXPECT_EQ(header.inner_steps, 1u);
  // Two of the shard's samples, by the assignment's own rule.
  const Shard shard = world_.ports.shards->open_shard(0).value();
  const SampleAssignment assignment = assign_samples(world_.spec().seed, kMiner, 1, shard.sample_count(), 2);
  EXPECT_EQ(header.samples,
            make_receipt(std::vector{shard.sample_id(assignment.at(0)), shard.sample_id(assignment.at(1))}));
  EXPECT_EQ(header.samples.count, 2u);
}

TEST_F(MinerInDemo, ReportsTheWindow) {
  MinerNode node(world_, kMiner);
  complete_window(node, 0, {kMiner, kSecondMiner, kThirdMiner});
  complete_window(node, 1, {kMiner, kSecondMiner, kThirdMiner});
  const auto reports = world_.ports.metrics.named("training_step_v2");
  ASSERT_EQ(reports.size(), 2u);
  const auto& fields = reports[1].fields;
  EXPECT_EQ(std::get<int64_t>(fields.at("window")), 1);
  EXPECT_EQ(std::get<int64_t>(fields.at("inner_steps")), 1);
  EXPECT_EQ(std::get<int64_t>(fields.at("tokens")), 2 * 8);
  EXPECT_NEAR(std::get<double>(fields.at("loss")), std::log(32), 0.2);
  EXPECT_EQ(std::get<double>(fields.at("learning_rate")), world_.spec().inner.learning_rate / 2)
      << "step 1 of 2 to warm up";
  EXPECT_GT(std::get<double>(fields.at("gradient_norm")), 0);
  EXPECT_EQ(std::get<int64_t>(fields.at("contribution_bytes")),
            world_.ports.contribution(kMiner, 1).size_bytes());
}

TEST_F(MinerInDemo, SkipsAWindowWhoseMomentumCannotBeSentAndSaysWhy) {
  save_momentum(3e38f);
  MinerNode node(world_, kMiner, {.state_file = folder_ / "state"});
  complete_window(node, 0, {kSecondMiner, kThirdMiner});
  EXPECT_EQ(world_.ports.contribution_hash(kMiner, 0), std::nullopt);
  // The momentum stays as it was, and so does what is wrong with it.
  EXPECT_EQ(logs_.count("window skipped"), 2u);
  EXPECT_EQ(logs_.field("window skipped", "uid"), "1");
  EXPECT_EQ(logs_.field("window skipped", "window"), "1");
  EXPECT_THAT(logs_.field("window skipped", "reason"),
              ::testing::HasSubstr("compress model.norm.weight: a value of inf"));
  const auto reports = world_.ports.metrics.named("training_step_v2");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_FALSE(reports[0].fields.contains("loss")) << "there is none of that window";
}

}  // namespace
}  // namespace templar::testing
