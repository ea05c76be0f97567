#include "node/miner/miner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "core/data/make_receipt.h"
#include "formats/checkpoint/checkpoint.h"
#include "node/miner/miner_state.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/leader_by_hand.h"
#include "support/node_world.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::fails;
using testing::MinerNode;

constexpr char kWaits[] = "waiting for the next checkpoint after a window that can't be completed";

// Miner 1 as a node, miners 2 and 3 by hand; the leader, uid 0, by hand too: its checkpoint of window 0 is
// published.
class MinerTest : public ::testing::Test {
 protected:
  explicit MinerTest(const RunSpec& spec = testing::node_run_spec()) : world_(3, 1, spec) {
    begin_run(world_);
  }

  static void begin_run(testing::NodeWorld& world) {
    publish_checkpoint_of(world, 0, 0, world.communications.model.parameters.spans());
  }
  static void publish_checkpoint_of(testing::NodeWorld& world, int64_t window, int64_t outer_step,
                                    ConstParameterSpans parameters) {
    ThreadTeam team(1);
    const CheckpointInfo info{.window = window,
                              .outer_step = outer_step,
                              .state_root = compute_state_root(world.environment.layout, parameters, team)};
    world.publish_checkpoint(info, parameters);
  }
  void work(MinerNode& node, Progress until = Progress::kWaiting) {
    const auto progress = testing::work_until_waiting(node.miner);
    ASSERT_TRUE(progress) << progress.error().message;
    EXPECT_EQ(*progress, until);
  }
  [[nodiscard]] std::optional<Hash256> contribution_of(uint32_t uid, int64_t window) const {
    if (!world_.communications.store.head(world_.bucket(uid), contribution_key(window)).value())
      return std::nullopt;
    return world_.stored_contribution(uid, window).content_hash();
  }
  void publish_others(const MinerNode& node, int64_t window) {
    for (const uint32_t uid : {2u, 3u}) {
      world_.communications.publish_contribution(uid, window, std::as_const(*node.engine).parameters());
    }
  }
  // The whole window: the miner trains, the others publish, the leader accepts these.
  void complete_window(MinerNode& node, int64_t window, const std::vector<uint32_t>& accepted) {
    world_.communications.enter_window(window);
    work(node);
    publish_others(node, window);
    world_.communications.close_window(window);
    const Replica& replica = node.miner.replica();
    world_.publish_record(world_.record_of(window, replica.outer_step(), replica.state_root(), accepted));
    work(node);
    EXPECT_EQ(replica.window(), window + 1);
  }

  const testing::CapturedLogs logs_;
  const testing::TemporaryFolder folder_;
  testing::NodeWorld world_;
};

TEST_F(MinerTest, WaitsForTheLeadersCheckpoint) {
  testing::NodeWorld empty(1);
  MinerNode node(empty, 1);
  EXPECT_EQ(testing::work_until_waiting(node.miner).value(), Progress::kWaiting);
  EXPECT_EQ(empty.store().list(empty.bucket(1), "").value().size(), 0u);
}

TEST_F(MinerTest, EndsWhereItsKeyIsNotOnTheLedger) {
  const auto engine = testing::make_node_engine(world_.spec());
  const KeyPair stranger = KeyPair::from_seed({9});
  Miner miner(world_.environment, world_.store(), *engine, stranger, {});
  EXPECT_TRUE(fails(miner.advance(), ErrorKind::kFatal, stranger.public_key().hex() + " is not registered"));
}

TEST_F(MinerTest, PublishesAContributionThatEverybodyAccepts) {
  MinerNode node(world_, 1);
  work(node);
  world_.communications.close_window(0);
  const auto gathered = gather(world_.environment, world_.request(0, {{1}, {}}));
  ASSERT_TRUE(gathered);
  ASSERT_EQ(gathered->accepted.size(), 1u) << gathered->rejected[0].verdict.reason;
  EXPECT_EQ(gathered->accepted[0].header().inner_steps, 2u);
  EXPECT_EQ(node.miner.replica().state_root(), world_.initial_root());
}

TEST_F(MinerTest, PublishesOneContributionAWindow) {
  MinerNode node(world_, 1);
  complete_window(node, 0, {1, 2, 3});
  complete_window(node, 1, {1, 2, 3});
  world_.communications.enter_window(2);
  work(node);
  EXPECT_EQ(world_.store().list(world_.bucket(1), kContributionPrefix).value().size(), 3u);
  EXPECT_EQ(node.miner.replica().outer_step(), 2);
}

TEST_F(MinerTest, DoesNotOverwriteItsContributionAfterARestart) {
  std::optional<Hash256> first;
  {
    MinerNode node(world_, 1);
    work(node);
    first = contribution_of(1, 0);
    ASSERT_TRUE(first);
  }
  world_.communications.enter_window(0);
  MinerNode restarted(world_, 1);
  // Other moments would train something else.
  restarted.engine->optimiser_state().first_moment[0][0] = 1;
  work(restarted);
  EXPECT_EQ(contribution_of(1, 0), first);
  complete_window(restarted, 0, {1, 2, 3});
}

TEST_F(MinerTest, TrainsAWindowOnlyWhileItLasts) {
  world_.communications.enter_window(1);
  MinerNode node(world_, 1);
  work(node);
  EXPECT_EQ(contribution_of(1, 0), std::nullopt);
}

TEST_F(MinerTest, TakesTheLeadersSetWhereItsOwnGatherDiffers) {
  MinerNode node(world_, 1);
  work(node);
  publish_others(node, 0);
  world_.communications.close_window(0);
  AggregateRecord record = world_.record_of(0, 0, world_.initial_root(), {1, 3});
  world_.publish_record(record);  // without 2, whom our own gather accepts
  work(node);

  const auto engine = testing::make_node_engine(world_.spec());
  Replica expected(world_.environment, *engine, 1);
  expected.begin_initial(0);
  const auto named = fetch_named(world_.environment, record, world_.roster(), {});
  ASSERT_TRUE(named && named->missing.empty());
  expected.close_window(as_list(named->found));
  EXPECT_EQ(node.miner.replica().state_root(), expected.state_root());
  EXPECT_EQ(logs_.field("our gather accepted what the leader did not: left out", "peer"), "2");
}

TEST_F(MinerTest, FetchesWhatTheLeaderAcceptedAndItsOwnGatherDidNot) {
  MinerNode node(world_, 1);
  work(node);
  publish_others(node, 0);
  world_.communications.close_window(0);
  AggregateRecord record = world_.record_of(0, 0, world_.initial_root(), {1, 2, 3});
  record.gather_peers = {1, 2};  // 3 is not even asked
  world_.publish_record(record);
  work(node);
  EXPECT_EQ(node.miner.replica().outer_step(), 1);
  EXPECT_EQ(logs_.field("the leader accepted what our gather did not: taken", "peer"), "3");
}

TEST_F(MinerTest, TriesAgainWhereANamedContributionIsNotToBeHad) {
  MinerNode node(world_, 1);
  work(node);
  publish_others(node, 0);
  world_.communications.close_window(0);
  world_.publish_record(world_.record_of(0, 0, world_.initial_root(), {1, 2}));
  const Bytes kept = world_.store().get(world_.bucket(2), contribution_key(0), 1 << 20).value();
  ASSERT_TRUE(world_.store().remove(world_.bucket(2), contribution_key(0)));
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 0) << "nothing was changed";
  EXPECT_EQ(logs_.field(kWaits, "window"), "0");
  ASSERT_TRUE(world_.store().put(world_.bucket(2), contribution_key(0), kept));
  world_.communications.enter_window(2);
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 1);
  EXPECT_EQ(logs_.count(kWaits), 1u);
}

TEST_F(MinerTest, GoesOnFromANewerCheckpointWhereANamedContributionWasTakenBack) {
  MinerNode node(world_, 1);
  work(node);
  publish_others(node, 0);
  world_.communications.close_window(0);
  world_.publish_record(world_.record_of(0, 0, world_.initial_root(), {1, 2}));
  ASSERT_TRUE(world_.store().remove(world_.bucket(2), contribution_key(0)));
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 0);
  publish_checkpoint_of(world_, 1, 1, world_.communications.model.parameters.spans());
  world_.communications.enter_window(2);
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 1);
  EXPECT_EQ(node.miner.replica().outer_step(), 1);
  EXPECT_EQ(logs_.count(kWaits), 1u);
}

TEST_F(MinerTest, WaitsForTheRecordAndThenLetsItsOwnGatherStand) {
  MinerNode node(world_, 1);
  complete_window(node, 0, {1, 2, 3});  // the record names the peers
  work(node);
  publish_others(node, 1);
  world_.communications.close_window(1);  // 12 s after the end; the record is waited for 24 s
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 1);
  world_.communications.enter_window(3);
  work(node);
  EXPECT_EQ(node.miner.replica().outer_step(), 2);
  EXPECT_EQ(logs_.field("no record of the leader: own gather stands", "window"), "1");
}

TEST_F(MinerTest, TakesARecordThatIsNoneForNone) {
  MinerNode node(world_, 1);
  work(node);
  world_.communications.close_window(0);
  ASSERT_TRUE(world_.store().put(world_.bucket(0), aggregate_record_key(0), as_bytes("rubbish")));
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 0);
  world_.communications.enter_window(2);
  work(node);
  EXPECT_EQ(node.miner.replica().window(), 1);
  EXPECT_NE(logs_.field("no record of the leader: own gather stands", "reason"), "");
}

TEST_F(MinerTest, StartsAgainFromACheckpointWhereItsRootIsNotTheLeaders) {
  MinerNode node(world_, 1);
  complete_window(node, 0, {1, 2, 3});
  work(node);
  // The leader went another way in window 0 and publishes where that led.
  ParameterBuffers other(world_.environment.layout);
  other.copy_from(std::as_const(*node.engine).parameters());
  other.spans()[0][0] += 1;
  publish_checkpoint_of(world_, 1, 1, std::as_const(other).spans());
  for (const uint32_t uid : {2u, 3u}) {
    world_.communications.publish_contribution(uid, 1, std::as_const(other).spans());
  }
  ThreadTeam team(1);
  const Hash256 root = compute_state_root(world_.environment.layout, std::as_const(other).spans(), team);
  world_.communications.close_window(1);
  world_.publish_record(world_.record_of(1, 1, root, {2, 3}));
  work(node);
  EXPECT_EQ(logs_.count("model differs from the leader's: healing it from the last checkpoint"), 1u);
  EXPECT_EQ(node.miner.replica().window(), 2);
  EXPECT_EQ(node.miner.replica().outer_step(), 2);
  EXPECT_EQ(logs_.field("model healed: it differed in", "parameter"), world_.environment.layout[0].name);
  // In step with the leader again: what it publishes now starts from the leader's model.
  world_.communications.enter_window(2);
  work(node);
  const auto engine = testing::make_node_engine(world_.spec());
  Replica leader(world_.environment, *engine, 1);
  CatchUp catch_up(world_.environment, leader, NodeRole::kMiner, world_.communications.key(2).public_key());
  ASSERT_EQ(testing::advance_to_the_end(catch_up).value(), CatchUpState::kInSync);
  EXPECT_EQ(world_.stored_contribution(1, 2).header().state_root, leader.state_root());
}

TEST_F(MinerTest, KeepsItsContributionsForTheRetentionAlone) {
  RunSpec spec = testing::node_run_spec();
  spec.network.contribution_retention_windows = 3;
  testing::NodeWorld world(1, 1, spec);
  begin_run(world);
  MinerNode node(world, 1);
  for (int64_t window = 0; window < 6; ++window) {
    world.communications.enter_window(window);
    ASSERT_TRUE(testing::work_until_waiting(node.miner));
    world.communications.close_window(window);
    const Replica& replica = node.miner.replica();
    world.publish_record(world.record_of(window, replica.outer_step(), replica.state_root(), {1}));
    ASSERT_TRUE(testing::work_until_waiting(node.miner));
  }
  std::vector<std::string> keys;
  const auto listed = world.store().list(world.bucket(1), "").value();
  for (const ObjectInfo& object : listed) keys.push_back(object.key);
  EXPECT_THAT(keys, ::testing::ElementsAre(contribution_key(3), contribution_key(4), contribution_key(5),
                                           contribution_key(6)));
}

TEST_F(MinerTest, FinishesAtTheWindowItWasToRunUpTo) {
  MinerNode node(world_, 1, {.until_window = 1});
  work(node);
  publish_others(node, 0);
  world_.communications.close_window(0);
  world_.publish_record(world_.record_of(0, 0, world_.initial_root(), {1, 2, 3}));
  work(node, Progress::kFinished);
  EXPECT_EQ(contribution_of(1, 1), std::nullopt);
}

TEST_F(MinerTest, ReportsTheWindow) {
  MinerNode node(world_, 1);
  complete_window(node, 0, {1, 2, 3});
  const auto reports = world_.communications.metrics.named("training_step_v2");
  ASSERT_EQ(reports.size(), 1u);
  const auto& fields = reports[0].fields;
  EXPECT_EQ(reports[0].tags.at("uid"), "1");
  EXPECT_EQ(reports[0].time_ns, 0) << "when it is written";
  EXPECT_EQ(std::get<int64_t>(fields.at("window")), 0);
  EXPECT_EQ(std::get<int64_t>(fields.at("gather_accepted")), 3);
  EXPECT_EQ(std::get<int64_t>(fields.at("record_confirmed")), 1);
  EXPECT_EQ(std::get<int64_t>(fields.at("tokens")), 2 * 2 * 8);
  EXPECT_EQ(std::get<std::string>(fields.at("state_root")), node.miner.replica().state_root().hex());
}

TEST_F(MinerTest, DumpsWhatItCompressesIfAskedAndSendsTheSame) {
  const testing::TemporaryFolder folder;
  world_.communications.enter_window(0);
  {
    MinerNode dumping(world_, 1, MinerOptions{.dump_folder = folder.path()});
    work(dumping);
  }
  const auto dumped = contribution_of(1, 0);
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "window-00000-uid-1.safetensors"));
  testing::NodeWorld other{3};
  begin_run(other);
  other.communications.enter_window(0);
  MinerNode plain(other, 1);
  ASSERT_TRUE(testing::work_until_waiting(plain.miner));
  EXPECT_EQ(dumped, other.stored_contribution(1, 0).content_hash());
}

class MinerInDemo : public MinerTest {
 protected:
  MinerInDemo() : MinerTest(testing::demo_node_run_spec()) {}

  // The miner's state before window 0, after three windows whose momentum, in the last parameter, has grown
  // to that size.
  void save_momentum(float size) const {
    const auto engine = testing::make_node_engine(world_.spec());
    ParameterBuffers momentum(world_.environment.layout);
    std::ranges::fill(momentum.spans().back(), size);
    CHECK(save_miner_state(folder_ / "state", world_.environment.run_id, {.window = 0, .iterations = 3},
                           momentum.spans(), engine->optimiser_state())
              .has_value());
  }
};

TEST_F(MinerInDemo, PublishesAContributionThatEverybodyAccepts) {
  MinerNode node(world_, 1);
  work(node);
  world_.communications.close_window(0);
  const auto gathered = gather(world_.environment, world_.request(0, {{1}, {}}));
  ASSERT_TRUE(gathered);
  ASSERT_EQ(gathered->accepted.size(), 1u) << gathered->rejected[0].verdict.reason;
}

TEST_F(MinerInDemo, SealsWindowAndSampleReceiptIntoItsContribution) {
  MinerNode node(world_, 1);
  complete_window(node, 0, {1, 2, 3});
  world_.communications.enter_window(1);
  work(node);
  const Contribution contribution = world_.stored_contribution(1, 1);
  const ContributionHeader& header = contribution.header();
  EXPECT_EQ(header.run_id, world_.environment.run_id);
  EXPECT_EQ(header.window, 1);
  EXPECT_EQ(header.uid, 1u);
  EXPECT_EQ(header.public_key, world_.communications.key(1).public_key());
  EXPECT_EQ(header.state_root, node.miner.replica().state_root());
  EXPECT_EQ(header.inner_steps, 1u);
  // Two of the shard's samples, by the assignment's own rule.
  const Shard shard = world_.communications.shards->open_shard(0).value();
  const SampleAssignment assignment = assign_samples(world_.spec().seed, 1, 1, shard.sample_count(), 2);
  EXPECT_EQ(header.samples,
            make_receipt(std::vector{shard.sample_id(assignment.at(0)), shard.sample_id(assignment.at(1))}));
  EXPECT_EQ(header.samples.count, 2u);
}

TEST_F(MinerInDemo, ReportsTheWindow) {
  MinerNode node(world_, 1);
  complete_window(node, 0, {1, 2, 3});
  complete_window(node, 1, {1, 2, 3});
  const auto reports = world_.communications.metrics.named("training_step_v2");
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
            world_.stored_contribution(1, 1).size_bytes());
}

TEST_F(MinerInDemo, SkipsAWindowWhoseMomentumCannotBeSentAndSaysWhy) {
  save_momentum(3e38f);
  MinerNode node(world_, 1, {.state_file = folder_ / "state"});
  complete_window(node, 0, {2, 3});
  EXPECT_EQ(contribution_of(1, 0), std::nullopt);
  // The momentum stays as it was, and so does what is wrong with it.
  EXPECT_EQ(logs_.count("window skipped"), 2u);
  EXPECT_EQ(logs_.field("window skipped", "uid"), "1");
  EXPECT_EQ(logs_.field("window skipped", "window"), "1");
  EXPECT_THAT(logs_.field("window skipped", "reason"),
              ::testing::HasSubstr("compress model.norm.weight: a value of inf"));
  const auto reports = world_.communications.metrics.named("training_step_v2");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_FALSE(reports[0].fields.contains("loss")) << "there is none of that window";
}

}  // namespace
}  // namespace templar
