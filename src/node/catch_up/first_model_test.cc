#include "node/catch_up/first_model.h"

#include <gtest/gtest.h>

#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// Another run, of another name and seed but a model of the same shape, has published a checkpoint in the same
// store.
class FirstModel : public ::testing::Test {
 protected:
  [[nodiscard]] static RunSpec other_spec() {
    RunSpec spec = node_run_spec();
    spec.name = "other";
    spec.seed += 1;
    return spec;
  }
  void SetUp() override {
    ThreadTeam team(1);
    const ParameterBuffers values = random_values(world_.layout(), 5);
    root_ = compute_state_root(world_.layout(), values.spans(), team);
    ASSERT_TRUE(
        publish_checkpoint(world_.ports.store, "other-run",
                           {.spec = other_spec(),
                            .info = {.window = 70, .outer_step = 60, .state_root = root_, .start_window = 3},
                            .parameters = values.spans(),
                            .tokenizer = {}},
                           world_.ports.key(kThirdMiner), team));
  }
  [[nodiscard]] Status begin(const BootstrapSpec& bootstrap) {
    const NodeEnvironment environment = environment_of(world_.ports, {.bootstrap = bootstrap});
    Replica replica(environment, *engine_, 1);
    const Status begun = begin_first_model(environment, replica, 9);
    begun_ = replica.begun();
    if (!begun_) return begun;
    EXPECT_EQ(replica.window(), 9);
    EXPECT_EQ(replica.start_window(), 9);
    EXPECT_EQ(replica.outer_step(), 0) << "the other run's steps are not taken over";
    begun_root_ = replica.state_root();
    return begun;
  }

  const CapturedLogs logs_;
  TestWorld world_;
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Hash256 root_;
  Hash256 begun_root_;
  bool begun_ = false;
};

}  // namespace

TEST_F(FirstModel, IsInitialisedWhereTheSpecNamesNoCheckpoint) {
  ASSERT_TRUE(begin({}));
  EXPECT_EQ(begun_root_, world_.ports.initial_root());
}

TEST_F(FirstModel, IsTheOtherRunsWhereTheSpecNamesIt) {
  const Status begun = begin({.bucket = "other-run", .window = 70, .state_root = root_.hex()});
  ASSERT_TRUE(begun) << begun.error().message;
  EXPECT_EQ(begun_root_, root_);
}

TEST_F(FirstModel, EndsWhereTheCheckpointIsNotWhatTheSpecSays) {
  EXPECT_TRUE(fails(begin({.bucket = "other-run", .window = 71, .state_root = root_.hex()}),
                    ErrorKind::kFatal, "missing"));
  EXPECT_FALSE(begun_);
  EXPECT_TRUE(fails(begin({.bucket = "other-run", .window = 70, .state_root = Hash256().hex()}),
                    ErrorKind::kFatal, "the run spec says 0000"));
  EXPECT_FALSE(begun_);
  const std::string model = checkpoint_prefix(70) + "model.safetensors";
  Bytes content = world_.ports.store.get("other-run", model, 1 << 24).value();
  content.back() ^= 1;
  ASSERT_TRUE(world_.ports.store.put("other-run", model, content));
  EXPECT_TRUE(fails(begin({.bucket = "other-run", .window = 70, .state_root = root_.hex()}),
                    ErrorKind::kFatal, "model.safetensors"));
  EXPECT_FALSE(begun_);
}

}  // namespace templar::testing
