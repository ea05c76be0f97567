#include "node/catch_up/checkpoint_search.h"

#include <gtest/gtest.h>

#include "base/files/file.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/node_expectations.h"
#include "support/temporary_folder.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

// Two validators, kLeader and kFollower, one miner, uid 2, and checkpoints of random models.
class CheckpointSearch : public ::testing::Test {
 protected:
  [[nodiscard]] CheckpointInfo info_at(int64_t window, const ParameterBuffers& values) {
    return {window, window, compute_state_root(world_.layout(), values.spans(), team_)};
  }
  void publish(int64_t window, uint64_t seed, uint32_t uid = kLeader) {
    const ParameterBuffers values = random_values(world_.layout(), seed);
    world_.publish_checkpoint(window, window, values.spans(), uid);
  }
  [[nodiscard]] Result<std::optional<FoundCheckpoint>> load(const fs::path& cache = {}) {
    const NodeEnvironment environment = environment_of(world_.ports, {.checkpoint_folder = cache});
    TRY_ASSIGN(const ChainView view, look_at_ledger(environment));
    return load_newest_checkpoint(environment, view, loaded_.spans(), team_);
  }
  // The window that was found; -1: none.
  [[nodiscard]] int64_t found(const fs::path& cache = {}) {
    const auto checkpoint = load(cache);
    EXPECT_TRUE(checkpoint) << checkpoint.error().message;
    return checkpoint && *checkpoint ? (*checkpoint)->info.window : -1;
  }
  [[nodiscard]] bool loaded_is(uint64_t seed) {
    const ParameterBuffers values = random_values(world_.layout(), seed);
    return std::ranges::equal(std::as_const(values).spans(), std::as_const(loaded_).spans(),
                              [](auto a, auto b) { return std::ranges::equal(a, b); });
  }
  // The leader's decision that the window began with this model.
  void record(int64_t window, uint64_t seed, std::optional<int64_t> outer_step = std::nullopt) {
    const ParameterBuffers values = random_values(world_.layout(), seed);
    world_.ports.publish_record(
        world_.ports.record_of(window, outer_step.value_or(window), info_at(window, values).state_root, {}));
  }
  void flip(const std::string& key, size_t byte, uint32_t uid = kLeader) {
    Bytes content = world_.ports.object(uid, key);
    content.at(byte) ^= 1;
    world_.ports.put(uid, key, content);
  }

  TestWorld world_{{.miners = 1, .validators = 2}};
  ThreadTeam team_{1};
  ParameterBuffers loaded_{world_.layout()};
  TemporaryFolder folder_;
};

}  // namespace

// Whoever wrote it may have been killed before it named the newest.
TEST_F(CheckpointSearch, TakesTheNewestWhateverThePointerNames) {
  publish(4, 1);
  publish(12, 2);
  EXPECT_EQ(found(), 12);
  EXPECT_TRUE(loaded_is(2));
  world_.ports.put(kLeader, "checkpoints/latest", as_bytes("checkpoints/0000000004/manifest.json\n"));
  EXPECT_EQ(found(), 12);
}

TEST_F(CheckpointSearch, TakesTheNewestListedWhereThePointerIsOfNoUse) {
  publish(4, 1);
  publish(12, 2);
  world_.ports.remove(kLeader, "checkpoints/latest");
  EXPECT_EQ(found(), 12);
  const std::string long_text(5000, 'x');
  for (const std::string& pointer :
       {std::string(), std::string("nonsense"), std::string("checkpoints/0000000012/"),
        std::string("../../x"), std::string("checkpoints/0000000099/manifest.json\n"), long_text}) {
    const CapturedLogs logs;
    world_.ports.put(kLeader, "checkpoints/latest", as_bytes(pointer));
    EXPECT_EQ(found(), 12) << pointer.substr(0, 50);
  }
}

TEST_F(CheckpointSearch, TakesTheNextNewestWhereTheNewestAreBroken) {
  for (const int64_t window : {4, 12, 20, 30}) publish(window, static_cast<uint64_t>(window));
  flip("checkpoints/0000000030/model.safetensors", 2000);
  world_.ports.remove(kLeader, "checkpoints/0000000020/config.json");
  CapturedLogs logs;
  EXPECT_EQ(found(), 12);
  EXPECT_TRUE(loaded_is(12));
  EXPECT_EQ(logs.count(kCheckpointSkipped), 2u);
}

TEST_F(CheckpointSearch, FindsNoneWhereThereIsNone) {
  EXPECT_EQ(found(), -1);
  EXPECT_EQ(found(folder_ / "cache"), -1);
  publish(4, 1);
  flip("checkpoints/0000000004/manifest.json", 10);
  const CapturedLogs logs;
  EXPECT_EQ(found(), -1);
}

// A leader that has only just begun may have old ones alone, from which nobody finds to the present any more.
TEST_F(CheckpointSearch, TakesTheNewestWhoeverHasIt) {
  publish(4, 1, kLeader);
  publish(12, 2, kFollower);
  record(12, 2);
  EXPECT_EQ(found(), 12);
  EXPECT_TRUE(loaded_is(2));
  flip("checkpoints/0000000012/model.safetensors", 2000, kFollower);
  const CapturedLogs logs;
  EXPECT_EQ(found(), 4);
  EXPECT_TRUE(loaded_is(1));
}

TEST_F(CheckpointSearch, TakesTheLeadersOfTwoOfOneWindow) {
  publish(4, 1, kFollower);
  publish(4, 1, kLeader);
  const auto checkpoint = load();
  ASSERT_TRUE(checkpoint && *checkpoint);
  EXPECT_THAT((*checkpoint)->where, ::testing::HasSubstr(test_bucket(kLeader)));
}

// Its checkpoints are as good as before; somebody who never had stake or led lists what he likes.
TEST_F(CheckpointSearch, TakesThoseOfALeaderThatTheOwnerHasRemoved) {
  publish(12, 2, kLeader);
  record(12, 2);
  publish(4, 1, kFollower);
  record(4, 1);
  publish(20, 3, kFollower);
  record(20, 3);
  const auto set = [&](uint32_t uid, double stake, bool is_removed) {
    ASSERT_TRUE(world_.ports.owner().set_standing(
        world_.ports.public_key(uid),
        {.stake = stake, .is_removed = is_removed, .is_founder = uid == kLeader}));
  };
  set(kLeader, 0, true);
  set(kFollower, 0, false);
  const NodeEnvironment environment = environment_of(world_.ports, {});
  const auto view = look_at_ledger(environment);
  ASSERT_TRUE(view);
  EXPECT_EQ(newest_checkpoint_window(environment, *view), 12);
  EXPECT_EQ(found(), 12);
  EXPECT_TRUE(loaded_is(2));
  world_.ports.remove_all(kLeader, "checkpoints/");
  EXPECT_EQ(found(), 20) << "where nobody else has one";
}

// Anybody can register as a validator and sign weights of its own.
TEST_F(CheckpointSearch, TakesNoWordOfLessThanHalfOfTheStakeForAnUndecidedWindow) {
  publish(12, 2, kFollower);
  CapturedLogs logs;
  EXPECT_EQ(found(), -1);
  EXPECT_EQ(found(folder_ / "cache"), -1);
  EXPECT_FALSE(fs::exists(folder_ / "cache")) << "nothing of it is fetched";
  EXPECT_EQ(logs.count(kCheckpointSkipped), 2u);
  publish(12, 3, kLeader);
  EXPECT_EQ(found(), 12) << "it has two thirds of the stake";
  EXPECT_TRUE(loaded_is(3));
}

TEST_F(CheckpointSearch, TakesTheWordOfMoreThanHalfOfTheStakeByHeartbeats) {
  publish(12, 2, kFollower);
  const ParameterBuffers values = random_values(world_.layout(), 2);
  Heartbeat heartbeat{.window = 11, .outer_step = 12, .state_root = info_at(12, values).state_root};
  ASSERT_TRUE(world_.ports.writer(kLeader).beat(heartbeat));
  const CapturedLogs logs;
  EXPECT_EQ(found(), -1) << "that was said of another window";
  heartbeat.window = 12;
  ASSERT_TRUE(world_.ports.writer(kLeader).beat(heartbeat));
  EXPECT_EQ(found(), 12);
  EXPECT_TRUE(loaded_is(2));
}

TEST_F(CheckpointSearch, RefusesOtherOuterStepsThanTheDecisionCounts) {
  publish(12, 2, kFollower);
  record(12, 2, 11);
  CapturedLogs logs;
  EXPECT_EQ(found(), -1);
  EXPECT_EQ(logs.count(kCheckpointSkipped), 1u);
}

TEST_F(CheckpointSearch, RefusesACheckpointThatAnotherHasSigned) {
  publish(12, 2, kFollower);
  for (const std::string& key : world_.ports.keys(kFollower, kCheckpointsPrefix))
    world_.ports.put(kLeader, key, world_.ports.object(kFollower, key));
  world_.ports.remove_all(kFollower, kCheckpointsPrefix);
  CapturedLogs logs;
  EXPECT_EQ(found(), -1);
  EXPECT_EQ(logs.count(kCheckpointSkipped), 1u);
}

TEST_F(CheckpointSearch, RefusesACheckpointThatTheDecisionContradicts) {
  publish(12, 2, kFollower);
  publish(13, 4, kFollower);
  record(12, 2);
  record(13, 3);
  CapturedLogs logs;
  EXPECT_EQ(found(), 12);
  EXPECT_EQ(logs.count(kCheckpointSkipped), 1u);
  EXPECT_NE(logs.field(kCheckpointSkipped, "reason").find("the decision of window 13 names"),
            std::string::npos);
}

TEST_F(CheckpointSearch, KeepsACopyAndTakesItWhereNobodyHasOneAnyMore) {
  const fs::path cache = folder_ / "cache";
  publish(4, 1);
  EXPECT_EQ(found(cache), 4);
  publish(12, 2);
  EXPECT_EQ(found(cache), 12);
  EXPECT_FALSE(fs::exists(cache / "0000000004")) << "one copy is enough";
  world_.ports.remove_all(kLeader, kCheckpointsPrefix);
  loaded_.fill_zero();
  const auto checkpoint = load(cache);
  ASSERT_TRUE(checkpoint && *checkpoint);
  EXPECT_EQ((*checkpoint)->info.window, 12);
  EXPECT_EQ((*checkpoint)->where, "folder " + (cache / "0000000012").string());
  EXPECT_TRUE(loaded_is(2));
}

TEST_F(CheckpointSearch, GoesOnWithACopyThatWasCutShort) {
  const fs::path cache = folder_ / "cache";
  publish(12, 2);
  // What a killed start leaves: some of the files, no manifest.
  ASSERT_TRUE(make_folder(cache / "0000000012.part"));
  const Bytes model = world_.ports.object(kLeader, checkpoint_prefix(12) + "model.safetensors");
  ASSERT_TRUE(write_file_atomically(cache / "0000000012.part/model.safetensors", ByteView(model)));
  EXPECT_EQ(found(cache), 12);
  EXPECT_TRUE(loaded_is(2));
  EXPECT_FALSE(fs::exists(cache / "0000000012.part"));
}

TEST_F(CheckpointSearch, KeepsTheGoodCopyWhereAnotherOfTheSameWindowIsBad) {
  const fs::path cache = folder_ / "cache";
  publish(12, 2);
  ASSERT_EQ(found(cache), 12);
  // The leader, hacked, signs a root that its model has not.
  const ParameterBuffers values = random_values(world_.layout(), 3);
  CheckpointInfo wrong = info_at(12, values);
  wrong.state_root.bytes[0] ^= 1;
  world_.publish_checkpoint(wrong, values.spans());
  const CapturedLogs logs;
  EXPECT_EQ(found(cache), 12);
  EXPECT_TRUE(loaded_is(2)) << "from the copy";
  EXPECT_FALSE(fs::exists(cache / "0000000012.part"));
}

TEST_F(CheckpointSearch, TakesNoCopyThatIsBrokenOrNobodysHere) {
  const fs::path cache = folder_ / "cache";
  publish(4, 1);
  ASSERT_EQ(found(cache), 4);
  world_.ports.remove_all(kLeader, kCheckpointsPrefix);
  const fs::path model = cache / "0000000004/model.safetensors";
  Bytes content = read_file(model, 1 << 24).value();
  content.back() ^= 1;
  ASSERT_TRUE(write_file_atomically(model, content));
  const CapturedLogs logs;
  EXPECT_EQ(found(cache), -1);
  content.back() ^= 1;
  ASSERT_TRUE(write_file_atomically(model, content));
  EXPECT_EQ(found(cache), 4);
  CheckpointManifest manifest = read_manifest(checkpoint_in_folder(cache / "0000000004")).value();
  ASSERT_TRUE(write_file_atomically(cache / "0000000004/manifest.json",
                                    seal_manifest(manifest, world_.ports.key(2))));  // a miner's
  EXPECT_EQ(found(cache), -1);
}

}  // namespace templar::testing
