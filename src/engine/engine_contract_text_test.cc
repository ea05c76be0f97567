// What every engine owes those who score and write text.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/contracts/engine_contract.h"

namespace templar::testing {
namespace {

// From the sequence's own logits, summed in f64.
double likelihood_alone(Engine& engine, const std::vector<uint32_t>& tokens, int64_t context) {
  const auto inputs = std::span(tokens).first(tokens.size() - 1);
  const auto logits = engine.logits({inputs, 1, static_cast<int64_t>(inputs.size())}).value();
  double likelihood = 0;
  for (size_t i = static_cast<size_t>(context); i < tokens.size(); ++i) {
    const auto row = std::span(logits).subspan((i - 1) * kContractVocab, kContractVocab);
    double sum = 0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit));
    likelihood += static_cast<double>(row[tokens[i]]) - std::log(sum);
  }
  return likelihood;
}

TEST_P(EngineContract, ScoresEachContinuationAsByItself) {
  for (const ModelSpec& model : contract_models()) {
    const auto engine = make_small(model, 3);
    std::vector<std::vector<uint32_t>> texts;
    std::vector<ScoredSequence> sequences;
    for (uint64_t i = 0; i < 14; ++i)
      texts.push_back(contract_tokens(2 + static_cast<int64_t>(i * 5 % kContractSequence), i));
    texts.push_back(contract_tokens(kContractSequence + 1, 50));
    for (const auto& text : texts) sequences.push_back({text, 1 + static_cast<int64_t>(text.size()) / 3});
    sequences[0].context = 1;
    const auto scores = engine->score_continuations(sequences);
    ASSERT_TRUE(scores.has_value()) << scores.error().message;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const auto length = static_cast<double>(texts[i].size());
      EXPECT_NEAR((*scores)[i].log_probability, likelihood_alone(*engine, texts[i], sequences[i].context),
                  tolerance(1e-4, 0.02 * length));
      EXPECT_EQ((*scores)[i].tokens, static_cast<int64_t>(texts[i].size()) - sequences[i].context);
    }
  }
}

TEST_P(EngineContract, FindsTheGreedyContinuation) {
  const auto engine = make_small();
  std::vector<uint32_t> text = {4, 9, 2};
  const auto made = engine->generate(text, {.max_new_tokens = 5, .temperature = 0}).value();
  text.insert(text.end(), made.begin(), made.end());
  std::vector<uint32_t> other = text;
  other[5] = (other[5] + 1) % kContractVocab;
  const std::vector<ScoredSequence> sequences = {{text, 3}, {other, 3}};
  const auto scores = engine->score_continuations(sequences).value();
  EXPECT_TRUE(scores[0].greedy);
  EXPECT_FALSE(scores[1].greedy);
}

TEST_P(EngineContract, GeneratesTheMostProbableTokensEvenPastTheContext) {
  for (const ModelSpec& model : contract_models()) {
    const auto engine = make_small(model);
    for (const int64_t prompt_length : {1, 5, 12, 30}) {
      std::vector<uint32_t> tokens = contract_tokens(prompt_length, 3);
      const auto made = engine->generate(tokens, {.max_new_tokens = 16, .temperature = 0}).value();
      ASSERT_EQ(made.size(), 16U);
      for (const uint32_t token : made) {
        const size_t length = std::min(tokens.size(), static_cast<size_t>(kContractSequence));
        const auto logits =
            engine->logits({std::span(tokens).last(length), 1, static_cast<int64_t>(length)}).value();
        const auto last = logits.end() - kContractVocab;
        ASSERT_NEAR(last[token], *std::max_element(last, logits.end()), tolerance(1e-5, 0.05));
        tokens.push_back(token);
      }
    }
  }
}

TEST_P(EngineContract, DrawsTheSameTokensForASeedAndOthersForAnother) {
  const auto engine = make_small();
  const auto prompt = contract_tokens(3, 3);
  const auto draw = [&](uint64_t seed) {
    return engine->generate(prompt, {.max_new_tokens = 30, .seed = seed}).value();
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

}  // namespace
}  // namespace templar::testing
