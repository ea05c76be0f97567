#include "node/miner/training.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/codec/compressor.h"
#include "core/run/chunk_plan.h"
#include "core/run/schedule.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// A run's second window, with schedule steps that are not the window's own.
class Training : public ::testing::Test {
 protected:
  explicit Training(const RunSpec& spec = node_run_spec()) : world_({.miners = 1, .spec = spec}) {
    EXPECT_TRUE(replica_.begin_initial(0));
    EXPECT_TRUE(replica_.begin_loaded(1, 1));
  }
  [[nodiscard]] Shard shard() const { return world_.ports.shards->open_shard(0).value(); }
  [[nodiscard]] Result<TrainedWindow> train(const Shard& shard) {
    return trainer_.train(replica_, assigned_samples(world_.environment, replica_.plan(), shard, kMiner),
                          shard);
  }
  // A shard of whose tokens the vocabulary lacks one: in that sample of the assignment.
  [[nodiscard]] Shard broken_shard(uint64_t position) const {
    const Shard good = shard();
    auto tokens = std::make_shared<std::vector<uint32_t>>();
    auto ids = std::make_shared<std::vector<uint64_t>>();
    for (uint64_t i = 0; i < good.sample_count(); ++i) {
      tokens->insert(tokens->end(), good.sample(i).begin(), good.sample(i).end());
      ids->push_back(good.sample_id(i));
    }
    const SampleAssignment assignment = assigned_samples(world_.environment, replica_.plan(), good, kMiner);
    (*tokens)[assignment.at(position) * good.sequence_length()] = 1000;
    const auto storage = std::make_shared<std::pair<decltype(tokens), decltype(ids)>>(tokens, ids);
    return {storage, *tokens, *ids, good.sequence_length()};
  }
  [[nodiscard]] std::vector<float> feedback() {
    std::vector<float> all;
    for (const std::span<float> values : trainer_.feedback())
      all.insert(all.end(), values.begin(), values.end());
    return all;
  }
  [[nodiscard]] Hash256 root_now() {
    return compute_state_root(world_.layout(), parameters_of(*engine_), replica_.team());
  }
  static double norm(const std::vector<float>& values) {
    double squares = 0;
    for (const float value : values) squares += static_cast<double>(value) * value;
    return std::sqrt(squares);
  }

  TestWorld world_;
  std::unique_ptr<Engine> engine_ = make_node_engine(world_.spec());
  Replica replica_{world_.environment, *engine_, 1};
  Trainer trainer_{world_.environment};
};

TEST_F(Training, PutsTheParametersBackAndKeepsWhatWasNotSent) {
  const auto trained = train(shard());
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(root_now(), world_.ports.initial_root());
  EXPECT_EQ(trained->inner.losses.size(), 2u);
  EXPECT_NEAR(trained->inner.losses[0], std::log(32), 0.2) << "an untrained model knows nothing of 32 tokens";
  EXPECT_EQ(trained->blocks.size(), world_.layout().size());
  EXPECT_GT(norm(feedback()), 0);
  EXPECT_EQ(trainer_.iterations, 1);
}

TEST_F(Training, TakesTheScheduleFromTheOuterStepAndTheSamplesFromTheWindow) {
  const auto trained = train(shard());
  ASSERT_TRUE(trained) << trained.error().message;
  // The window's last inner step is the run's fourth, number 3.
  EXPECT_EQ(trained->inner.learning_rate_last, scheduled_learning_rate(world_.spec().inner, 3));
  EXPECT_EQ(trained->inner.tokens, 2 * 2 * 8);
}

TEST_F(Training, SendsWhatItsOwnStepsChanged) {
  const Shard samples = shard();
  const auto trained = train(samples);
  ASSERT_TRUE(trained) << trained.error().message;
  // The same steps by hand, on an engine in the same state.
  const auto other = make_node_engine(world_.spec());
  set_parameters(*other, parameters_of(*engine_));
  const SampleAssignment assignment = assigned_samples(world_.environment, replica_.plan(), samples, kMiner);
  const auto report =
      inner_steps(*other, world_.spec().inner, 2, [&, tokens = SampleTokens{}](int64_t step) mutable {
        tokens = read_samples(assignment, samples, (step - 2) * 2, 2);
        return Result<TokenBatch>(tokens.batch());
      });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->losses, trained->inner.losses);
  // Sent and kept back together are the pseudo-gradient: of the norm vector, which is sent whole but for
  // quantising.
  double difference = 0;
  double length = 0;
  const auto start = parameters_of(*engine_);
  const auto moved = parameters_of(*other);
  std::vector<float> kept = feedback();
  size_t offset = 0;
  for (size_t p = 0; p < start.size(); ++p) {
    for (size_t i = 0; i < start[p].size(); ++i, ++offset) {
      const double delta = static_cast<double>(start[p][i]) - moved[p][i];
      length += delta * delta;
      difference += (delta - kept[offset]) * (delta - kept[offset]);
    }
  }
  // What was sent is a part of the pseudo-gradient: never nothing, never more than half as much again.
  EXPECT_GT(difference, 0.01 * length);
  EXPECT_LT(difference, 1.5 * length);
}

TEST_F(Training, LeavesParametersAndFeedbackAloneWhereItFails) {
  ASSERT_TRUE(train(shard()));
  const std::vector<float> before = feedback();
  const auto failed = train(broken_shard(2));  // the second inner step's first
  EXPECT_TRUE(fails(failed, ErrorKind::kFatal, "1000"));
  EXPECT_EQ(root_now(), world_.ports.initial_root());
  EXPECT_EQ(feedback(), before);
  EXPECT_EQ(trainer_.iterations, 1);
}

TEST_F(Training, ForgetsWhatItHeldBack) {
  ASSERT_TRUE(train(shard()));
  trainer_.forget_feedback();
  EXPECT_EQ(norm(feedback()), 0);
  EXPECT_EQ(trainer_.iterations, 0);
}

TEST_F(Training, LeadsToTheSameFromTheSameStart) {
  const auto first = train(shard());
  const auto engine = make_node_engine(world_.spec());
  Replica replica(world_.environment, *engine, 1);
  EXPECT_TRUE(replica.begin_initial(0));
  EXPECT_TRUE(replica.begin_loaded(1, 1));
  Trainer trainer(world_.environment);
  const Shard samples = shard();
  const auto second =
      trainer.train(replica, assigned_samples(world_.environment, replica.plan(), samples, kMiner), samples);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->inner.losses, second->inner.losses);
  for (size_t p = 0; p < first->blocks.size(); ++p) {
    EXPECT_EQ(first->blocks[p].positions, second->blocks[p].positions);
    EXPECT_EQ(first->blocks[p].codes, second->blocks[p].codes);
    EXPECT_EQ(first->blocks[p].codebook, second->blocks[p].codebook);
  }
}

// The run's fourth outer step, in window 7: by its number past the warm-up of two steps, by the window's
// elsewhere.
class TrainingInDemo : public Training {
 protected:
  TrainingInDemo() : Training(demo_node_run_spec()) { EXPECT_TRUE(replica_.begin_loaded(7, 3)); }

  // The cosine from the peak at step 2 to the lowest rate at step 40.
  [[nodiscard]] double learning_rate_at(int64_t outer_step) const {
    const double peak = world_.spec().inner.learning_rate;
    const double lowest = peak * world_.spec().inner.eta_min_factor;
    const double turned = std::numbers::pi * static_cast<double>(outer_step - 2) / 38;
    return lowest + (peak - lowest) * 0.5 * (1 + std::cos(turned));
  }
  // The gradient of the samples that the replica's window assigns to the miner, by an engine of its own.
  [[nodiscard]] std::unique_ptr<Engine> differentiated_engine() const {
    auto other = make_node_engine(world_.spec());
    set_parameters(*other, parameters_of(*engine_));
    const Shard samples = shard();
    const SampleAssignment assignment =
        assigned_samples(world_.environment, replica_.plan(), samples, kMiner);
    const SampleTokens tokens = read_samples(assignment, samples, 0, 2);
    CHECK(other->compute_gradients(tokens.batch()).has_value());
    return other;
  }
  // decay * momentum + lr * gradient, at that step of the schedule.
  [[nodiscard]] std::vector<float> accumulated(const std::vector<float>& momentum, int64_t outer_step) const {
    const std::unique_ptr<Engine> other = differentiated_engine();
    const auto rate = static_cast<float>(learning_rate_at(outer_step));
    std::vector<float> expected;
    const ParameterSpans gradients = other->gradients().value();
    for (const std::span<float> gradient : gradients) {
      for (const float value : gradient)
        expected.push_back(0.999f * momentum[expected.size()] + rate * value);
    }
    return expected;
  }
  static void expect_close(const std::vector<float>& values, const std::vector<float>& expected) {
    ASSERT_EQ(values.size(), expected.size());
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], expected[i], 1e-6 * std::fabs(expected[i]) + 1e-12) << i;
  }
};

TEST_F(TrainingInDemo, PutsTheParametersBackAndKeepsTheMomentum) {
  const auto trained = train(shard());
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_EQ(root_now(), world_.ports.initial_root()) << "weight decay is local";
  EXPECT_EQ(trained->inner.losses.size(), 1u);
  EXPECT_GT(norm(feedback()), 0);
  EXPECT_EQ(trainer_.iterations, 1);
}

TEST_F(TrainingInDemo, ScalesTheGradientsWithTheScheduleOfTheOuterStep) {
  const std::vector<float> expected = accumulated(feedback(), 3);
  const auto trained = train(shard());
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_DOUBLE_EQ(trained->inner.learning_rate_last, learning_rate_at(3));
  EXPECT_GT(norm(expected), 0);
  expect_close(feedback(), expected);
}

TEST_F(TrainingInDemo, AccumulatesTheMomentumFromWindowToWindow) {
  ASSERT_TRUE(train(shard()));
  const std::vector<float> first = feedback();
  EXPECT_TRUE(replica_.begin_loaded(8, 4));
  const std::vector<float> expected = accumulated(first, 4);
  ASSERT_TRUE(train(shard()));
  expect_close(feedback(), expected);
  EXPECT_EQ(trainer_.iterations, 2);
}

TEST_F(TrainingInDemo, SendsTheMomentumOfEveryParameter) {
  const auto trained = train(shard());
  ASSERT_TRUE(trained) << trained.error().message;
  const ParameterLayout& layout = world_.layout();
  ASSERT_EQ(trained->blocks.size(), layout.size());
  for (size_t p = 0; p < layout.size(); ++p) {
    // Nothing leaves the momentum in the first iterations, so it is what was compressed.
    const auto sent = compress(trainer_.feedback()[p], layout[p], world_.spec().codec, replica_.team());
    ASSERT_TRUE(sent);
    EXPECT_EQ(trained->blocks[p], *sent) << layout[p].name;
  }
}

TEST_F(TrainingInDemo, ReportsLossAndGradientOfItsWindow) {
  const std::unique_ptr<Engine> other = differentiated_engine();
  const std::vector<float> gradient = flat_gradients(*other);
  const auto trained = train(shard());
  ASSERT_TRUE(trained) << trained.error().message;
  EXPECT_NEAR(trained->inner.losses[0], std::log(32), 0.2) << "an untrained model knows nothing of 32 tokens";
  EXPECT_NEAR(trained->inner.gradient_norm_mean, norm(gradient), 1e-6 * norm(gradient));
  EXPECT_EQ(trained->inner.tokens, 2 * 8);
}

TEST_F(TrainingInDemo, LeavesParametersAndMomentumAloneWhereTheEngineFails) {
  ASSERT_TRUE(train(shard()));
  const std::vector<float> before = feedback();
  EXPECT_TRUE(fails(train(broken_shard(0)), ErrorKind::kFatal, "1000"));
  EXPECT_EQ(root_now(), world_.ports.initial_root());
  EXPECT_EQ(feedback(), before);
  EXPECT_EQ(trainer_.iterations, 1);
}

TEST_F(TrainingInDemo, LeavesParametersAndMomentumAloneWhereTheCodecFails) {
  ASSERT_TRUE(train(shard()));
  // Of the last parameter, so that all others are compressed before. Either is finite; only the first one's
  // transform is too.
  for (const float size : {1e20f, 3e38f}) {
    std::ranges::fill(trainer_.feedback().back(), size);
    const std::vector<float> before = feedback();
    EXPECT_TRUE(
        fails(train(shard()), ErrorKind::kSkip, "compress " + world_.layout().back().name + ": a value of"));
    EXPECT_EQ(root_now(), world_.ports.initial_root());
    EXPECT_EQ(feedback(), before);
    EXPECT_EQ(trainer_.iterations, 1);
  }
}

}  // namespace
}  // namespace templar::testing
