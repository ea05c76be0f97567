#include "node/window/replica.h"

#include <gtest/gtest.h>

#include "support/engine_values.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

class ReplicaTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::vector<Contribution> contributions() {
    std::vector<Contribution> list;
    for (const uint32_t uid : world_.ports.miner_uids()) {
      world_.ports.publish_contribution(uid, 0);
      list.push_back(world_.ports.contribution(uid, 0));
    }
    return list;
  }
  [[nodiscard]] float first_value() const { return parameters_of(*engine_)[0][0]; }

  TestWorld world_{{.miners = 2}};
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
};

TEST_F(ReplicaTest, BeginsWithTheRunsInitialModel) {
  EXPECT_TRUE(replica_.begin_initial(3));
  EXPECT_EQ(replica_.window(), 3);
  EXPECT_EQ(replica_.outer_step(), 0);
  EXPECT_EQ(replica_.state_root(), world_.ports.initial_root());
}

TEST_F(ReplicaTest, MovesOnByTheOuterStepOfTheWindowsContributions) {
  EXPECT_TRUE(replica_.begin_initial(0));
  const auto accepted = contributions();
  ParameterBuffers expected(world_.layout());
  expected.copy_from(world_.ports.run.values());
  ThreadTeam team(1);
  apply_outer_step(expected.spans(), world_.layout(), world_.spec(), as_list(accepted),
                   world_.spec().outer.learning_rate, team);

  EXPECT_TRUE(replica_.close_window(accepted));
  EXPECT_EQ(replica_.window(), 1);
  EXPECT_EQ(replica_.outer_step(), 1);
  EXPECT_EQ(replica_.plan().first_inner_step, world_.spec().inner.steps);
  EXPECT_NE(replica_.state_root(), world_.ports.initial_root());
  EXPECT_EQ(replica_.state_root(),
            compute_state_root(world_.layout(), std::as_const(expected).spans(), team));
}

TEST_F(ReplicaTest, KeepsModelAndScheduleInANullRound) {
  EXPECT_TRUE(replica_.begin_initial(4));
  const float before = first_value();
  EXPECT_TRUE(replica_.close_window({}));
  EXPECT_EQ(replica_.window(), 5);
  EXPECT_EQ(replica_.outer_step(), 0);
  EXPECT_EQ(first_value(), before);
  EXPECT_EQ(replica_.state_root(), world_.ports.initial_root());
}

TEST_F(ReplicaTest, HashesWhatWasLoadedIntoTheEngine) {
  EXPECT_TRUE(replica_.begin_initial(0));
  EXPECT_TRUE(replica_.load([](ParameterSpans parameters) -> Status {
    parameters[0][0] += 1;
    return {};
  }));
  EXPECT_FALSE(replica_.begun());
  EXPECT_TRUE(replica_.begin_loaded(9, 7));
  EXPECT_EQ(replica_.window(), 9);
  EXPECT_EQ(replica_.outer_step(), 7);
  EXPECT_NE(replica_.state_root(), world_.ports.initial_root());
}

TEST_F(ReplicaTest, KnowsTheRootsOfItsModelsBefore) {
  EXPECT_TRUE(replica_.begin_initial(0));
  EXPECT_TRUE(replica_.older_roots().empty());
  std::vector<Hash256> expected;
  for (int step = 0; step < 10; ++step) {
    expected.insert(expected.begin(), replica_.state_root());
    world_.ports.publish_contribution(1, 0);
    EXPECT_TRUE(replica_.close_window(std::vector{world_.ports.contribution(1, 0)}));
    EXPECT_TRUE(replica_.close_window({})) << "a null round has the same model";
  }
  expected.resize(Replica::kOlderRoots);
  EXPECT_EQ(replica_.older_roots(), expected);
  EXPECT_TRUE(replica_.begin_loaded(5, 5));
  EXPECT_TRUE(replica_.older_roots().empty()) << "nobody says what came before";
}

TEST_F(ReplicaTest, HasNoModelBeforeItBeginsAndAfterItWasDiscarded) {
  EXPECT_FALSE(replica_.begun());
  EXPECT_TRUE(replica_.begin_initial(0));
  EXPECT_TRUE(replica_.begun());
  replica_.discard();
  EXPECT_FALSE(replica_.begun());
  EXPECT_TRUE(replica_.begin_loaded(2, 1));
  EXPECT_TRUE(replica_.begun());
}

TEST_F(ReplicaTest, KeepsTheHashesOfItsModelsBlocks) {
  EXPECT_TRUE(replica_.begin_initial(0));
  ThreadTeam team(1);
  EXPECT_EQ(replica_.state_tree(), compute_state_tree(world_.layout(), world_.ports.run.values(), team));
}

TEST(ReplicaInDemo, TakesTheOuterStepsRateFromTheSchedule) {
  RunSpec spec = node_run_spec();
  spec.algorithm = Algorithm::kDemo;
  spec.inner.steps = 1;
  spec.inner.warmup_steps = 10;
  ASSERT_TRUE(validate(spec));
  const TestWorld world({.miners = 1, .spec = spec});
  const auto engine = make_node_engine(spec);
  Replica replica(world.environment, *engine, 1);
  EXPECT_TRUE(replica.begin_loaded(20, 5));
  EXPECT_DOUBLE_EQ(replica.outer_learning_rate(), spec.inner.learning_rate * 5 / 10);
}

}  // namespace
}  // namespace templar::testing
