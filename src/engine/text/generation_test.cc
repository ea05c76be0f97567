// Generation token by token, with the probability of each.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/cpu_engine.h"
#include "engine/text/sampler.h"
#include "support/contracts/engine_contract.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

// As its definition says, in long double.
double expected_log_probability(std::span<const float> logits, uint32_t token) {
  long double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<long double>(logit));
  return static_cast<double>(logits[token] - std::log(total));
}

class GenerateEach : public ::testing::Test {
 protected:
  void SetUp() override {
    engine_ = make_cpu_engine(run_.spec.model, run_.spec.inner, {}).value();
    set_parameters(*engine_, run_.values());
  }
  [[nodiscard]] std::vector<GeneratedToken> generated(const GenerationOptions& options) {
    std::vector<GeneratedToken> tokens;
    EXPECT_TRUE(engine_->generate_each(prompt_, options, [&](const GeneratedToken& token) {
      tokens.push_back(token);
      return true;
    }));
    return tokens;
  }

  TestRun run_;
  std::unique_ptr<Engine> engine_;
  std::vector<uint32_t> prompt_ = {3, 1, 4, 1, 5};
};

TEST(LogProbability, IsThatOfTheSoftmaxEvenOfLargeLogits) {
  const std::vector<float> logits = {1, 2, 3, 0};
  for (uint32_t token = 0; token < 4; ++token)
    EXPECT_NEAR(log_probability(logits, token), expected_log_probability(logits, token), 1e-12);
  EXPECT_NEAR(log_probability(std::vector<float>{1e4F, 1e4F}, 1), -std::log(2.0), 1e-12);
  EXPECT_NEAR(log_probability(std::vector<float>{0, 1e4F}, 0), -1e4, 1e-9);
}

TEST_F(GenerateEach, GivesTheTokensOfGenerate) {
  for (const double temperature : {0.0, 0.8}) {
    const GenerationOptions options{.max_new_tokens = 20, .temperature = temperature, .seed = 4};
    std::vector<uint32_t> ids;
    for (const GeneratedToken& token : generated(options)) ids.push_back(token.id);
    EXPECT_EQ(ids, engine_->generate(prompt_, options).value());
  }
}

// Whatever the tokens were chosen by, the probability is that of the whole distribution at temperature 1.
TEST_F(GenerateEach, TellsTheModelsOwnLogProbability) {
  const auto tokens = generated({.max_new_tokens = 8, .temperature = 0.5, .top_k = 3, .seed = 2});
  ASSERT_EQ(tokens.size(), 8);
  std::vector<uint32_t> text = prompt_;
  for (const GeneratedToken& token : tokens) {
    const auto length = static_cast<int64_t>(text.size());
    const std::vector<float> logits = engine_->logits({text, 1, length}).value();
    const auto last = std::span(logits).last(static_cast<size_t>(run_.spec.model.vocab_size));
    EXPECT_NEAR(token.log_probability, expected_log_probability(last, token.id), 1e-5);
    text.push_back(token.id);
  }
}

TEST_F(GenerateEach, EndsWhereTheCallerSaysSo) {
  int seen = 0;
  EXPECT_TRUE(engine_->generate_each(prompt_, {.max_new_tokens = 20},
                                     [&](const GeneratedToken&) { return ++seen < 3; }));
  EXPECT_EQ(seen, 3);
  EXPECT_TRUE(fails(engine_->generate_each({}, {}, [](const GeneratedToken&) { return true; }),
                    ErrorKind::kFatal, "prompt"));
}

std::unique_ptr<Engine> contract_engine() {
  auto engine = make_cpu_engine(contract_model(), contract_inner(), {}).value();
  initialise(*engine, contract_model(), 7);
  return engine;
}

// Each new token is the most probable one of a whole forward pass over the last sequence-length tokens before
// it. Two logits may lie so close that the two ways of computing them differ in which is higher.
void expect_greedy(Engine& engine, const std::vector<uint32_t>& prompt, const std::vector<uint32_t>& made) {
  std::vector<uint32_t> tokens = prompt;
  for (const uint32_t token : made) {
    const size_t length = std::min(tokens.size(), static_cast<size_t>(kContractSequence));
    const std::span<const uint32_t> context = std::span(tokens).last(length);
    const auto logits = engine.logits({context, 1, static_cast<int64_t>(length)}).value();
    const auto last = logits.end() - kContractVocab;
    ASSERT_NEAR(last[token], *std::max_element(last, logits.end()), 1e-5)
        << "after " << tokens.size() << " tokens";
    tokens.push_back(token);
  }
}

TEST(Generate, KeepsToTheMostProbableTopK) {
  const auto engine = contract_engine();
  const auto prompt = contract_tokens(4, 3);
  const auto greedy = engine->generate(prompt, {.max_new_tokens = 10, .temperature = 0}).value();
  EXPECT_EQ(engine->generate(prompt, {.max_new_tokens = 10, .temperature = 5, .top_k = 1}).value(), greedy);
}

TEST(Generate, SeesNewParameters) {
  const auto engine = contract_engine();
  const auto prompt = contract_tokens(4, 3);
  const GenerationOptions options{.max_new_tokens = 3, .temperature = 0};
  ASSERT_TRUE(engine->generate(prompt, options).has_value());
  const auto tokens = contract_tokens(2 * kContractSequence, 1);
  for (int step = 0; step < 20; ++step)
    ASSERT_TRUE(engine->train_step({tokens, 2, kContractSequence}, 1e-2).has_value());
  expect_greedy(*engine, prompt, engine->generate(prompt, options).value());
  initialise(*engine, contract_model(), 8);
  expect_greedy(*engine, prompt, engine->generate(prompt, options).value());
}

}  // namespace
}  // namespace templar::testing
