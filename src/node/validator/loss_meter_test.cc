#include "node/validator/loss_meter.h"

#include <gtest/gtest.h>

#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

class Measuring : public ::testing::Test {
 protected:
  Measuring() {
    EXPECT_TRUE(replica_.begin_initial(0));
    for (const uint32_t uid : world_.ports.miner_uids()) {
      world_.ports.publish_contribution(uid, 0);
      accepted_.push_back(world_.ports.contribution(uid, 0));
    }
  }
  [[nodiscard]] Result<std::vector<Evaluation>> measure(const std::vector<uint32_t>& uids,
                                                        std::string_view key = "key") {
    return meter_.measure(replica_, as_list(accepted_), uids, as_bytes(key));
  }

  TestWorld world_;
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  StartCopy start_copy_{world_.environment.layout};
  LossMeter meter_{world_.environment, start_copy_};
  std::vector<Contribution> accepted_;
};

TEST_F(Measuring, LeavesTheParametersAsTheyWereToTheLastBit) {
  const auto evaluations = measure({1, 2, 3});
  ASSERT_TRUE(evaluations) << evaluations.error().message;
  EXPECT_EQ(compute_state_root(world_.layout(), parameters_of(*engine_), replica_.team()),
            world_.ports.initial_root());
  // The engine's own copies too: it computes the same as before.
  const auto again = measure({1, 2, 3});
  ASSERT_TRUE(again);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*again)[i].own.before, (*evaluations)[i].own.before);
    EXPECT_EQ((*again)[i].own.after, (*evaluations)[i].own.after);
    EXPECT_EQ((*again)[i].unassigned.after, (*evaluations)[i].unassigned.after);
  }
}

TEST_F(Measuring, AnswersInTheOrderOfTheUidsAndForThemAlone) {
  const auto all = measure({1, 2, 3});
  const auto some = measure({3, 1});
  ASSERT_TRUE(all && some);
  ASSERT_EQ(some->size(), 2u);
  EXPECT_EQ((*some)[0].own.after, (*all)[2].own.after);
  EXPECT_EQ((*some)[1].own.after, (*all)[0].own.after);
  EXPECT_NE((*some)[0].own.after, (*some)[1].own.after);
}

TEST_F(Measuring, ComparesAllMinersOnTheSameUnassignedSamplesAndEachOnItsOwn) {
  const auto evaluations = measure({1, 2});
  ASSERT_TRUE(evaluations);
  EXPECT_EQ((*evaluations)[0].unassigned.before, (*evaluations)[1].unassigned.before);
  EXPECT_NE((*evaluations)[0].own.before, (*evaluations)[1].own.before);
  for (const Evaluation& evaluation : *evaluations) {
    EXPECT_NE(evaluation.own.before, evaluation.own.after);
    EXPECT_NE(evaluation.unassigned.before, evaluation.unassigned.after);
  }
}

TEST_F(Measuring, ChoosesOtherUnassignedSamplesUnderAnotherKey) {
  const auto one = measure({1}, "one");
  const auto other = measure({1}, "other");
  ASSERT_TRUE(one && other);
  EXPECT_NE((*one)[0].unassigned.before, (*other)[0].unassigned.before);
  EXPECT_EQ((*one)[0].own.before, (*other)[0].own.before);
}

// The loss after is that of the model with eval_lr_factor of one contribution's own outer step.
TEST_F(Measuring, AppliesOneContributionAlone) {
  const auto evaluations = measure({2});
  ASSERT_TRUE(evaluations);
  const ClipFactors factors = clip_factors(as_list(accepted_));
  const double rate = world_.spec().outer.learning_rate * world_.spec().scoring.eval_lr_factor;
  edit_parameters(*engine_, [&](ParameterSpans parameters) {
    apply_single(parameters, world_.layout(), world_.spec(), accepted_[1], factors.of(1), rate,
                 replica_.team());
  });
  EXPECT_TRUE(replica_.begin_loaded(0, 0));
  const auto moved = measure({2});
  ASSERT_TRUE(moved);
  EXPECT_EQ((*moved)[0].own.before, (*evaluations)[0].own.after);
  EXPECT_EQ((*moved)[0].unassigned.before, (*evaluations)[0].unassigned.after);
}

TEST_F(Measuring, MeasuresNobodyWhereNobodyIsAsked) {
  const auto none = measure({});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

}  // namespace
}  // namespace templar::testing
