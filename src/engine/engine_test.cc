// What the Engine promises beyond the right numbers (those stand in model_vectors_test.cc).
#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <dnnl.hpp>
#include <limits>
#include <utility>

#include "base/random.h"
#include "core/run/schedule.h"
#include "support/expect_failure.h"

namespace templar {
namespace {

using testing::fails;

constexpr int64_t kVocab = 50;
constexpr int64_t kSequence = 12;

ModelSpec small_model() {
  return {.vocab_size = kVocab,
          .hidden_size = 24,
          .num_hidden_layers = 2,
          .num_attention_heads = 4,
          .num_key_value_heads = 2,
          .intermediate_size = 40,
          .rope_theta = 10000,
          .rms_norm_eps = 1e-5,
          .tie_word_embeddings = false,
          .initializer_range = 0.2};
}

InnerSpec small_inner() {
  return {.sequence_length = kSequence,
          .batch_size = 5,
          .steps = 3,
          .learning_rate = 1e-2,
          .beta1 = 0.9,
          .beta2 = 0.95,
          .epsilon = 1e-8,
          .weight_decay = 0.1,
          .clip_grad_norm = 1.0,
          .warmup_steps = 2,
          .schedule_steps = 10,
          .eta_min_factor = 0.1};
}

std::unique_ptr<Engine> small_engine(const EngineOptions& options = {},
                                     const ModelSpec& model = small_model(),
                                     const InnerSpec& inner = small_inner()) {
  auto engine = make_cpu_engine(model, inner, options);
  EXPECT_TRUE(engine.has_value()) << engine.error().message;
  initialise_parameters((*engine)->layout(), model, 7, (*engine)->parameters());
  (*engine)->parameters_changed();
  return std::move(*engine);
}

std::vector<uint32_t> random_tokens(int64_t count, uint64_t seed, int64_t vocab = kVocab) {
  Random random(seed);
  std::vector<uint32_t> tokens(static_cast<size_t>(count));
  for (uint32_t& token : tokens) token = static_cast<uint32_t>(random.below(static_cast<uint64_t>(vocab)));
  return tokens;
}

std::vector<float> flat(ParameterSpans spans) {
  std::vector<float> values;
  for (const auto& span : spans) values.insert(values.end(), span.begin(), span.end());
  return values;
}

std::vector<float> trained_parameters(const EngineOptions& options, int64_t steps,
                                      const ModelSpec& model = small_model(),
                                      const InnerSpec& inner = small_inner(), int64_t batch = 5) {
  const auto engine = small_engine(options, model, inner);
  for (int64_t step = 0; step < steps; ++step) {
    const auto tokens =
        random_tokens(batch * inner.sequence_length, 100 + static_cast<uint64_t>(step), model.vocab_size);
    EXPECT_TRUE(engine->train_step({tokens, batch, inner.sequence_length}, 1e-2).has_value());
  }
  return flat(engine->parameters());
}

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / size);
}

TEST(Engine, AccumulatesMicroBatchesToTheGradientOfTheWholeBatch) {
  const auto tokens = random_tokens(5 * kSequence, 1);
  for (const bool tied : {false, true}) {
    ModelSpec model = small_model();
    model.tie_word_embeddings = tied;
    const auto whole = small_engine({.micro_batch = 8}, model);
    const auto want = whole->compute_gradients({tokens, 5, kSequence});
    for (const int64_t micro_batch : {1, 2, 5}) {
      const auto engine = small_engine({.micro_batch = micro_batch}, model);
      const auto loss = engine->compute_gradients({tokens, 5, kSequence});
      EXPECT_NEAR(loss.value(), want.value(), 1e-6);
      EXPECT_LT(relative_distance(flat(engine->gradients()), flat(whole->gradients())), 1e-5) << micro_batch;
    }
  }
}

TEST(Engine, WritesGradientsAnewForEachBatch) {
  const auto engine = small_engine();
  const auto first = random_tokens(kSequence, 1);
  const auto second = random_tokens(kSequence, 2);
  ASSERT_TRUE(engine->compute_gradients({second, 1, kSequence}).has_value());
  const auto want = flat(engine->gradients());
  ASSERT_TRUE(engine->compute_gradients({first, 1, kSequence}).has_value());
  ASSERT_TRUE(engine->compute_gradients({second, 1, kSequence}).has_value());
  EXPECT_EQ(flat(engine->gradients()), want);
}

TEST(Engine, RefusesBatchesThatItCannotCompute) {
  const auto engine = small_engine();
  std::vector<uint32_t> tokens = random_tokens(2 * kSequence, 1);
  const auto long_tokens = random_tokens(2 * (kSequence + 1), 1);
  const auto before = flat(engine->parameters());
  EXPECT_TRUE(fails(engine->train_step({long_tokens, 2, kSequence + 1}, 1e-3), ErrorKind::kFatal, "13"));
  EXPECT_TRUE(fails(engine->train_step({tokens, 2 * kSequence, 1}, 1e-3), ErrorKind::kFatal, "1 tokens"));
  EXPECT_TRUE(fails(engine->train_step({{}, 0, kSequence}, 1e-3), ErrorKind::kFatal, "0 sequences"));
  EXPECT_TRUE(fails(engine->train_step({tokens, 3, kSequence}, 1e-3), ErrorKind::kFatal, "24"));
  EXPECT_TRUE(
      fails(engine->evaluate({tokens, std::numeric_limits<int64_t>::max(), kSequence}), ErrorKind::kFatal));
  tokens[15] = kVocab;
  EXPECT_TRUE(
      fails(engine->train_step({tokens, 2, kSequence}, 1e-3), ErrorKind::kFatal, "token 50 at position 15"));
  EXPECT_TRUE(fails(engine->compute_gradients({tokens, 2, kSequence}), ErrorKind::kFatal, "token 50"));
  EXPECT_TRUE(fails(engine->evaluate({tokens, 2, kSequence}), ErrorKind::kFatal, "token 50"));
  EXPECT_TRUE(fails(engine->logits({tokens, 2, kSequence}), ErrorKind::kFatal, "token 50"));
  EXPECT_TRUE(fails(engine->generate(tokens, {}), ErrorKind::kFatal, "token 50"));
  EXPECT_TRUE(fails(engine->generate({}, {}), ErrorKind::kFatal, "prompt"));
  EXPECT_EQ(flat(engine->parameters()), before);
  EXPECT_EQ(*engine->optimiser_state().updates, 0);
}

TEST(Engine, SkipsAStepThatIsNotFiniteAndLeavesTheParameters) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    const auto engine = small_engine({.precision = precision});
    const auto tokens = random_tokens(2 * kSequence, 1);
    // The last row of the output matrix, which is no target: its logit must not be lost in the softmax.
    engine->parameters().back().back() = std::numeric_limits<float>::quiet_NaN();
    engine->parameters_changed();
    auto before = flat(engine->parameters());
    EXPECT_TRUE(fails(engine->train_step({tokens, 2, kSequence}, 1e-3), ErrorKind::kSkip, "not finite"));
    EXPECT_TRUE(fails(engine->compute_gradients({tokens, 2, kSequence}), ErrorKind::kSkip, "not finite"));
    const auto evaluated = engine->evaluate({tokens, 2, kSequence});
    ASSERT_TRUE(evaluated.has_value());
    EXPECT_FALSE(std::isfinite(evaluated->loss_sum));
    auto after = flat(engine->parameters());
    EXPECT_TRUE(std::isnan(after.back()));
    after.back() = before.back() = 0;
    EXPECT_EQ(after, before);
    EXPECT_EQ(*engine->optimiser_state().updates, 0);
    EXPECT_THAT(engine->optimiser_state().first_moment.front(), ::testing::Each(0.0F));
  }
}

TEST(Engine, IsNoneTheWorseForAStepThatWasNotFinite) {
  const auto tokens = random_tokens(5 * kSequence, 1);
  for (const bool tied : {false, true}) {
    ModelSpec model = small_model();
    model.tie_word_embeddings = tied;
    const auto engine = small_engine({.micro_batch = 2}, model);
    const auto fresh = small_engine({.micro_batch = 2}, model);
    float& weight = engine->parameters()[1].front();
    const float value = std::exchange(weight, std::numeric_limits<float>::quiet_NaN());
    engine->parameters_changed();
    EXPECT_TRUE(fails(engine->train_step({tokens, 5, kSequence}, 1e-2), ErrorKind::kSkip));
    weight = value;
    engine->parameters_changed();
    ASSERT_TRUE(engine->train_step({tokens, 5, kSequence}, 1e-2).has_value());
    ASSERT_TRUE(fresh->train_step({tokens, 5, kSequence}, 1e-2).has_value());
    EXPECT_EQ(flat(engine->parameters()), flat(fresh->parameters()));
  }
}

TEST(Engine, EvaluatesWithoutTouchingAnyState) {
  const auto engine = small_engine();
  const auto tokens = random_tokens(5 * kSequence, 1);
  const auto trained = engine->train_step({tokens, 5, kSequence}, 1e-2);
  ASSERT_TRUE(trained.has_value());
  const auto parameters = flat(engine->parameters());
  const auto gradients = flat(engine->gradients());
  const OptimiserState state = engine->optimiser_state();
  const auto first = flat(ParameterSpans(state.first_moment));
  const auto second = flat(ParameterSpans(state.second_moment));
  const auto evaluated = engine->evaluate({tokens, 5, kSequence});
  ASSERT_TRUE(evaluated.has_value());
  EXPECT_EQ(evaluated->predicted_tokens, 5 * (kSequence - 1));
  EXPECT_EQ(flat(engine->parameters()), parameters);
  EXPECT_EQ(flat(engine->gradients()), gradients);
  EXPECT_EQ(flat(ParameterSpans(state.first_moment)), first);
  EXPECT_EQ(flat(ParameterSpans(state.second_moment)), second);
  EXPECT_EQ(*state.updates, 1);
  // And it is the loss that training reports.
  EXPECT_EQ(engine->compute_gradients({tokens, 5, kSequence}).value(), evaluated->mean_loss());
  EXPECT_LT(evaluated->mean_loss(), trained->loss);
}

TEST(Engine, ResumesExactlyFromParametersAndOptimiserState) {
  const auto straight = small_engine();
  const auto resumed = small_engine();
  const auto tokens = random_tokens(5 * kSequence, 1);
  for (int step = 0; step < 2; ++step)
    ASSERT_TRUE(straight->train_step({tokens, 5, kSequence}, 1e-2).has_value());
  const OptimiserState from = straight->optimiser_state();
  const OptimiserState to = resumed->optimiser_state();
  for (size_t i = 0; i < straight->layout().size(); ++i) {
    std::ranges::copy(straight->parameters()[i], resumed->parameters()[i].begin());
    std::ranges::copy(from.first_moment[i], to.first_moment[i].begin());
    std::ranges::copy(from.second_moment[i], to.second_moment[i].begin());
  }
  *to.updates = *from.updates;
  resumed->parameters_changed();
  ASSERT_TRUE(straight->train_step({tokens, 5, kSequence}, 1e-2).has_value());
  ASSERT_TRUE(resumed->train_step({tokens, 5, kSequence}, 1e-2).has_value());
  EXPECT_EQ(flat(resumed->parameters()), flat(straight->parameters()));
}

TEST(Engine, TrainsToTheSameBitsEachTime) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    const EngineOptions options{.threads = 2, .precision = precision, .micro_batch = 2};
    EXPECT_EQ(trained_parameters(options, 4), trained_parameters(options, 4));
  }
}

TEST(Engine, TrainsToTheSameBitsForEveryNumberOfThreads) {
  if (dnnl::get_effective_cpu_isa() < dnnl::cpu_isa::avx512_core) {
    GTEST_SKIP() << "oneDNN's older kernels add in an order that depends on where a slice ends";
  }
  // Large enough that every product is shared out and cut along its depth.
  ModelSpec model = small_model();
  model.vocab_size = 300;
  model.hidden_size = 64;
  model.intermediate_size = 176;
  InnerSpec inner = small_inner();
  inner.sequence_length = 64;
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    const auto one = trained_parameters({.threads = 1, .precision = precision}, 2, model, inner, 8);
    for (const int threads : {2, 3, 4}) {
      EXPECT_EQ(trained_parameters({.threads = threads, .precision = precision}, 2, model, inner, 8), one)
          << threads << " threads";
    }
  }
}

TEST(Engine, LearnsARepeatedBatch) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    const auto engine = small_engine({.precision = precision});
    const auto tokens = random_tokens(2 * kSequence, 1);
    const double first = engine->evaluate({tokens, 2, kSequence}).value().mean_loss();
    for (int step = 0; step < 30; ++step)
      ASSERT_TRUE(engine->train_step({tokens, 2, kSequence}, 1e-2).has_value());
    EXPECT_LT(engine->evaluate({tokens, 2, kSequence}).value().mean_loss(), first / 2);
  }
}

TEST(Engine, RefusesOptionsThatItCannotMeet) {
  EXPECT_TRUE(
      fails(make_cpu_engine(small_model(), small_inner(), {.threads = 0}), ErrorKind::kFatal, "0 threads"));
  EXPECT_TRUE(fails(make_cpu_engine(small_model(), small_inner(), {.micro_batch = 0}), ErrorKind::kFatal,
                    "micro_batch 0"));
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(fails(make_cpu_engine(small_model(), small_inner(), {.micro_batch = kHuge}), ErrorKind::kFatal,
                    "micro_batch"));
  ModelSpec model = small_model();
  model.num_attention_heads = 5;
  EXPECT_TRUE(fails(make_cpu_engine(model, small_inner(), {}), ErrorKind::kFatal, "5 attention heads"));
  model = small_model();
  model.num_key_value_heads = 3;
  EXPECT_TRUE(fails(make_cpu_engine(model, small_inner(), {}), ErrorKind::kFatal, "3 key and value heads"));
  const RunSpec huge = preset_run_spec("70B").value();
  EXPECT_TRUE(fails(make_cpu_engine(huge.model, huge.inner, {}), ErrorKind::kFatal, "GiB"));
}

// ---- Generation

// Each new token is the most probable one of a whole forward pass over the last sequence-length tokens before
// it. Two logits may lie so close that the two ways of computing them differ in which is higher.
void expect_greedy(Engine& engine, const std::vector<uint32_t>& prompt, const std::vector<uint32_t>& made) {
  std::vector<uint32_t> tokens = prompt;
  for (const uint32_t token : made) {
    const size_t length = std::min(tokens.size(), static_cast<size_t>(kSequence));
    const std::span<const uint32_t> context = std::span(tokens).last(length);
    const auto logits = engine.logits({context, 1, static_cast<int64_t>(length)}).value();
    const auto last = logits.end() - kVocab;
    ASSERT_NEAR(last[token], *std::max_element(last, logits.end()), 1e-5)
        << "after " << tokens.size() << " tokens";
    tokens.push_back(token);
  }
}

TEST(Generate, AtTemperatureZeroTakesTheMostProbableTokenEachTimeEvenPastTheContext) {
  const auto engine = small_engine();
  for (const int64_t prompt_length : {1, 5, 12, 30}) {
    const auto prompt = random_tokens(prompt_length, 3);
    const GenerationOptions options{.max_new_tokens = 20, .temperature = 0};
    const auto tokens = engine->generate(prompt, options);
    ASSERT_TRUE(tokens.has_value());
    ASSERT_EQ(tokens->size(), 20U);
    expect_greedy(*engine, prompt, *tokens);
    EXPECT_EQ(engine->generate(prompt, options).value(), *tokens);
  }
}

TEST(Generate, DrawsTheSameTokensForASeedAndOthersForAnother) {
  const auto engine = small_engine({.precision = Precision::kBf16});
  const auto prompt = random_tokens(3, 3);
  const auto draw = [&](uint64_t seed) {
    return engine->generate(prompt, {.max_new_tokens = 30, .seed = seed}).value();
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  EXPECT_THAT(draw(1), ::testing::Each(::testing::Lt(static_cast<uint32_t>(kVocab))));
}

TEST(Generate, KeepsToTheMostProbableTopK) {
  const auto engine = small_engine();
  const auto prompt = random_tokens(4, 3);
  const auto greedy = engine->generate(prompt, {.max_new_tokens = 10, .temperature = 0}).value();
  EXPECT_EQ(engine->generate(prompt, {.max_new_tokens = 10, .temperature = 5, .top_k = 1}).value(), greedy);
}

TEST(Generate, SeesNewParameters) {
  const auto engine = small_engine();
  const auto prompt = random_tokens(4, 3);
  const GenerationOptions options{.max_new_tokens = 3, .temperature = 0};
  ASSERT_TRUE(engine->generate(prompt, options).has_value());
  const auto tokens = random_tokens(2 * kSequence, 1);
  for (int step = 0; step < 20; ++step)
    ASSERT_TRUE(engine->train_step({tokens, 2, kSequence}, 1e-2).has_value());
  expect_greedy(*engine, prompt, engine->generate(prompt, options).value());
  initialise_parameters(engine->layout(), small_model(), 8, engine->parameters());
  engine->parameters_changed();
  expect_greedy(*engine, prompt, engine->generate(prompt, options).value());
}

// ---- Inner steps

TEST(InnerSteps, TrainOnEachBatchAtTheRunsOwnStep) {
  const auto engine = small_engine();
  const auto twin = small_engine();
  std::vector<std::vector<uint32_t>> batches;
  for (uint64_t i = 0; i < 3; ++i) batches.push_back(random_tokens(5 * kSequence, i));
  std::vector<int64_t> asked;
  const auto report = inner_steps(*engine, small_inner(), 4, [&](int64_t step) -> Result<TokenBatch> {
    asked.push_back(step);
    return TokenBatch{batches[static_cast<size_t>(step - 4)], 5, kSequence};
  });
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(asked, ::testing::ElementsAre(4, 5, 6));
  double norms = 0;
  for (int64_t step = 4; step < 7; ++step) {
    const TokenBatch batch{batches[static_cast<size_t>(step - 4)], 5, kSequence};
    const auto trained = twin->train_step(batch, scheduled_learning_rate(small_inner(), step)).value();
    EXPECT_EQ(report->losses[static_cast<size_t>(step - 4)], trained.loss);
    norms += trained.gradient_norm;
  }
  EXPECT_EQ(flat(engine->parameters()), flat(twin->parameters()));
  EXPECT_NEAR(report->gradient_norm_mean, norms / 3, 1e-12);
  EXPECT_EQ(report->learning_rate_last, scheduled_learning_rate(small_inner(), 6));
  EXPECT_EQ(report->tokens, 3 * 5 * kSequence);
}

TEST(InnerSteps, StopAtTheFirstError) {
  const auto engine = small_engine();
  const auto tokens = random_tokens(kSequence, 1);
  int asked = 0;
  const auto report = inner_steps(*engine, small_inner(), 0, [&](int64_t) -> Result<TokenBatch> {
    if (++asked == 2) return skip_error("shard 3 is corrupt");
    return TokenBatch{tokens, 1, kSequence};
  });
  EXPECT_TRUE(fails(report, ErrorKind::kSkip, "shard 3"));
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace templar
