#include "sim/toy_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/run_specs.h"

namespace templar::testing {
namespace {

class ToyEngine : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Engine> make(EngineUse use = EngineUse::kTraining) const {
    auto engine = make_toy_engine(spec_.model, spec_.inner, {.micro_batch = 2, .use = use});
    CHECK(engine.has_value());
    initialise(**engine, spec_.model, spec_.seed);
    return *std::move(engine);
  }
  [[nodiscard]] std::vector<uint32_t> tokens(uint64_t seed) const {
    Random random(seed);
    std::vector<uint32_t> drawn(static_cast<size_t>(3 * spec_.inner.sequence_length));
    for (uint32_t& token : drawn) token = static_cast<uint32_t>(random.below(spec_.model.vocab_size));
    return drawn;
  }
  [[nodiscard]] TokenBatch batch(std::span<const uint32_t> of) const {
    return {of, 3, spec_.inner.sequence_length};
  }
  [[nodiscard]] double loss(Engine& engine, std::span<const uint32_t> of) const {
    return engine.evaluate(batch(of)).value().mean_loss();
  }

  const RunSpec spec_ = node_run_spec();
};

TEST_F(ToyEngine, TrainsToTheSameBitsEachTime) {
  const auto trained = [&] {
    const auto engine = make();
    for (uint64_t step = 0; step < 4; ++step)
      EXPECT_TRUE(engine->train_step(batch(tokens(step)), 1e-2).has_value());
    return flat_parameters(*engine);
  };
  EXPECT_EQ(trained(), trained());
}

TEST_F(ToyEngine, LearnsWhatItIsShownAndSomethingOfTheRest) {
  const auto engine = make();
  const double shown = loss(*engine, tokens(1));
  for (int step = 0; step < 200; ++step) ASSERT_TRUE(engine->train_step(batch(tokens(1)), 1e-2).has_value());
  EXPECT_LT(loss(*engine, tokens(1)), shown * 0.99);
}

TEST_F(ToyEngine, HasTheGradientOfItsOwnLoss) {
  const auto engine = make();
  ASSERT_TRUE(engine->compute_gradients(batch(tokens(1))).has_value());
  const float gradient = engine->gradients().value()[0][3];
  constexpr float kStep = 1.0F / 64;
  add_to_parameter(*engine, 0, 3, kStep);
  const double above = loss(*engine, tokens(1));
  add_to_parameter(*engine, 0, 3, -2 * kStep);
  EXPECT_NEAR((above - loss(*engine, tokens(1))) / (2 * kStep), gradient, 1e-6);
}

TEST_F(ToyEngine, ResumesExactlyFromParametersAndOptimiserState) {
  const auto straight = make();
  const auto resumed = make();
  ASSERT_TRUE(straight->train_step(batch(tokens(1)), 1e-2).has_value());
  const OptimiserState from = straight->optimiser_state().value();
  ASSERT_TRUE(resumed->edit_optimiser_state([&](OptimiserState& to) -> Status {
    for (size_t i = 0; i < from.moments.size(); ++i)
      std::ranges::copy(from.moments[i].values, to.moments[i].values.begin());
    to.updates = from.updates;
    return {};
  }));
  set_parameters(*resumed, parameters_of(*straight));
  for (const auto& engine : {straight.get(), resumed.get()})
    ASSERT_TRUE(engine->train_step(batch(tokens(2)), 1e-2).has_value());
  EXPECT_EQ(flat_parameters(*resumed), flat_parameters(*straight));
}

TEST_F(ToyEngine, SkipsAStepThatIsNotFinite) {
  const auto engine = make();
  edit_parameters(*engine, [](ParameterSpans parameters) {
    parameters[1].front() = std::numeric_limits<float>::quiet_NaN();
  });
  EXPECT_TRUE(fails(engine->train_step(batch(tokens(1)), 1e-2), ErrorKind::kSkip, "not finite"));
}

TEST_F(ToyEngine, ScoresAContinuationByItsLogits) {
  const auto engine = make(EngineUse::kEvaluating);
  const std::vector<uint32_t> sequence = {1, 2, 3};
  const auto scores = engine->score_continuations(std::vector<ScoredSequence>{{sequence, 1}});
  ASSERT_TRUE(scores.has_value());
  const auto logits = engine->logits({sequence, 1, 3}).value();
  const auto vocab = static_cast<size_t>(spec_.model.vocab_size);
  EXPECT_FLOAT_EQ(static_cast<float>(scores->front().log_probability), logits[2] + logits[vocab + 3]);
  EXPECT_FALSE(
      fails(engine->generate(sequence, {.max_new_tokens = 2, .temperature = 0}), ErrorKind::kFatal, ""));
}

TEST_F(ToyEngine, RefusesAnotherOptimiser) {
  InnerSpec inner = spec_.inner;
  inner.optimiser = InnerOptimiser::kMuon;
  EXPECT_TRUE(fails(make_toy_engine(spec_.model, inner), ErrorKind::kFatal, "inner.optimiser"));
}

}  // namespace
}  // namespace templar::testing
