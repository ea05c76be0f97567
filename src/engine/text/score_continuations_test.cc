// What score_continuations gives, against each sequence's own logits.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"
#include "engine/cpu_engine.h"
#include "engine/engine.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"

namespace templar {
namespace {

using testing::fails;

constexpr int64_t kVocab = 50;
constexpr int64_t kSequence = 40;

ModelSpec small_model(int64_t kv_heads) {
  return {.vocab_size = kVocab,
          .hidden_size = 24,
          .num_hidden_layers = 2,
          .num_attention_heads = 4,
          .num_key_value_heads = kv_heads,
          .intermediate_size = 40,
          .rope_theta = 10000,
          .rms_norm_eps = 1e-5,
          .tie_word_embeddings = false,
          .initializer_range = 0.2};
}

std::unique_ptr<Engine> small_engine(const EngineOptions& options, int64_t kv_heads = 2) {
  const ModelSpec model = small_model(kv_heads);
  const InnerSpec inner{.sequence_length = kSequence,
                        .batch_size = 2,
                        .steps = 1,
                        .learning_rate = 1e-3,
                        .beta1 = 0.9,
                        .beta2 = 0.95,
                        .epsilon = 1e-8,
                        .weight_decay = 0.1,
                        .clip_grad_norm = 1.0,
                        .warmup_steps = 1,
                        .schedule_steps = 10,
                        .eta_min_factor = 0.1};
  auto engine = make_cpu_engine(model, inner, options);
  EXPECT_TRUE(engine.has_value()) << engine.error().message;
  testing::initialise(**engine, model, 7);
  return std::move(*engine);
}

struct Sequence {
  std::vector<uint32_t> tokens;
  int64_t context = 0;
};

std::vector<ScoredSequence> scored(const std::vector<Sequence>& sequences) {
  std::vector<ScoredSequence> views;
  for (const Sequence& sequence : sequences) views.push_back({sequence.tokens, sequence.context});
  return views;
}

// Questions of several lengths behind shared examples, each with choices of 1 to 9 tokens; one with a context
// of one token, one as long as can be, one that occurs twice, one that is another's beginning.
std::vector<Sequence> some_questions() {
  Random random(3, "questions");
  const auto draw = [&](int64_t count) {
    std::vector<uint32_t> tokens(static_cast<size_t>(count));
    for (uint32_t& token : tokens) token = static_cast<uint32_t>(random.next() % kVocab);
    return tokens;
  };
  std::vector<Sequence> sequences;
  const std::vector<uint32_t> examples = draw(12);
  for (int question = 0; question < 9; ++question) {
    std::vector<uint32_t> context = question < 6 ? examples : std::vector<uint32_t>();
    const std::vector<uint32_t> own = draw(1 + question * 2);
    context.insert(context.end(), own.begin(), own.end());
    for (int choice = 0; choice < 4; ++choice) {
      Sequence sequence{context, static_cast<int64_t>(context.size())};
      const std::vector<uint32_t> continuation = draw(1 + (question * 4 + choice) % 9);
      sequence.tokens.insert(sequence.tokens.end(), continuation.begin(), continuation.end());
      sequences.push_back(std::move(sequence));
    }
  }
  sequences.push_back({draw(kSequence + 1), 1});
  sequences.push_back(sequences[5]);
  sequences.push_back({{sequences[30].tokens.begin(), sequences[30].tokens.end() - 1}, 2});
  return sequences;
}

// From the sequence's own logits, summed in f64.
ContinuationScore alone(Engine& engine, const Sequence& sequence) {
  const auto inputs = std::span(sequence.tokens).first(sequence.tokens.size() - 1);
  const auto logits = engine.logits({inputs, 1, static_cast<int64_t>(inputs.size())});
  EXPECT_TRUE(logits.has_value());
  ContinuationScore score;
  for (size_t i = static_cast<size_t>(sequence.context); i < sequence.tokens.size(); ++i) {
    const auto row = std::span(*logits).subspan((i - 1) * kVocab, kVocab);
    double sum = 0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit));
    score.log_probability += static_cast<double>(row[sequence.tokens[i]]) - std::log(sum);
    score.greedy = score.greedy && std::ranges::max_element(row) - row.begin() == sequence.tokens[i];
    ++score.tokens;
  }
  return score;
}

void expect_as_alone(Engine& engine, double tolerance) {
  const std::vector<Sequence> sequences = some_questions();
  const auto scores = engine.score_continuations(scored(sequences));
  ASSERT_TRUE(scores) << scores.error().message;
  ASSERT_EQ(scores->size(), sequences.size());
  for (size_t i = 0; i < sequences.size(); ++i) {
    const ContinuationScore expected = alone(engine, sequences[i]);
    EXPECT_NEAR((*scores)[i].log_probability, expected.log_probability, tolerance) << "sequence " << i;
    EXPECT_EQ((*scores)[i].tokens, expected.tokens) << "sequence " << i;
    EXPECT_EQ((*scores)[i].greedy, expected.greedy) << "sequence " << i;
  }
}

TEST(ScoreContinuations, GivesWhatEachSequenceHasByItself) {
  for (const int64_t kv_heads : {1, 2, 4}) {
    SCOPED_TRACE(kv_heads);
    expect_as_alone(*small_engine({.threads = 1, .micro_batch = 8}, kv_heads), 1e-4);
  }
}

TEST(ScoreContinuations, IsTheSameForAnyMemoryAndThreads) {
  for (const int64_t micro_batch : {1, 3}) {
    for (const int threads : {1, 3}) {
      SCOPED_TRACE(::testing::Message() << "micro batch " << micro_batch << ", threads " << threads);
      expect_as_alone(*small_engine({.threads = threads, .micro_batch = micro_batch}), 1e-4);
    }
  }
}

TEST(ScoreContinuations, WorksInBf16) {
  const auto engine = small_engine({.threads = 2, .precision = Precision::kBf16, .micro_batch = 4});
  const std::vector<Sequence> sequences = some_questions();
  const auto scores = engine->score_continuations(scored(sequences));
  ASSERT_TRUE(scores);
  for (size_t i = 0; i < sequences.size(); ++i) {
    EXPECT_NEAR((*scores)[i].log_probability, alone(*engine, sequences[i]).log_probability,
                0.02 * sequences[i].tokens.size());
  }
}

TEST(ScoreContinuations, FindsTheGreedyContinuation) {
  const auto engine = small_engine({.threads = 1});
  Sequence sequence{{4, 9, 2}, 3};
  const auto generated = engine->generate(sequence.tokens, {.max_new_tokens = 5, .temperature = 0});
  ASSERT_TRUE(generated);
  sequence.tokens.insert(sequence.tokens.end(), generated->begin(), generated->end());
  Sequence other = sequence;
  other.tokens[5] = (other.tokens[5] + 1) % kVocab;
  const auto scores = engine->score_continuations(scored({sequence, other}));
  ASSERT_TRUE(scores);
  EXPECT_TRUE((*scores)[0].greedy);
  EXPECT_FALSE((*scores)[1].greedy);
}

TEST(ScoreContinuations, LeavesNothingBehind) {
  const auto engine = small_engine({.threads = 2});
  const auto other = small_engine({.threads = 2});
  const std::vector<uint32_t> tokens(kSequence * 2, 11);
  ASSERT_TRUE(engine->score_continuations(scored(some_questions())));
  const auto after = engine->train_step({tokens, 2, kSequence}, 1e-3);
  const auto fresh = other->train_step({tokens, 2, kSequence}, 1e-3);
  ASSERT_TRUE(after && fresh);
  EXPECT_EQ(after->loss, fresh->loss);
  EXPECT_EQ(after->gradient_norm, fresh->gradient_norm);
}

TEST(ScoreContinuations, FollowsTheParameters) {
  const auto engine = small_engine({.threads = 1});
  const std::vector<Sequence> sequences = some_questions();
  const auto before = engine->score_continuations(scored(sequences));
  testing::edit_parameters(*engine, [](ParameterSpans parameters) {
    for (const std::span<float> parameter : parameters) std::ranges::fill(parameter, 0.0F);
  });
  const auto after = engine->score_continuations(scored(sequences));
  ASSERT_TRUE(before && after);
  EXPECT_NE((*before)[0].log_probability, (*after)[0].log_probability);
  for (const ContinuationScore& score : *after) {
    EXPECT_NEAR(score.log_probability, -static_cast<double>(score.tokens) * std::log(kVocab), 1e-5)
        << "all tokens are alike";
  }
}

TEST(ScoreContinuations, ReturnsWhatIsNoNumber) {
  const auto engine = small_engine({.threads = 1});
  testing::edit_parameters(*engine, [](ParameterSpans parameters) {
    std::ranges::fill(parameters.back(), std::numeric_limits<float>::quiet_NaN());
  });
  const auto scores = engine->score_continuations(scored({{{1, 2, 3}, 1}}));
  ASSERT_TRUE(scores);
  EXPECT_TRUE(std::isnan((*scores)[0].log_probability));
}

TEST(ScoreContinuations, TakesNoSequencesForNoScores) {
  const auto scores = small_engine({.threads = 1})->score_continuations({});
  ASSERT_TRUE(scores);
  EXPECT_TRUE(scores->empty());
}

TEST(ScoreContinuations, RefusesWhatItCanNotScore) {
  const auto engine = small_engine({.threads = 1});
  const auto outcome = [&](Sequence sequence) {
    return engine->score_continuations(scored({{{1, 2}, 1}, std::move(sequence)}));
  };
  EXPECT_TRUE(
      fails(outcome({{1, 2, 3}, 0}), ErrorKind::kFatal, "sequence 1 has 3 tokens, 0 of them context"));
  EXPECT_TRUE(
      fails(outcome({{1, 2, 3}, 3}), ErrorKind::kFatal, "sequence 1 has 3 tokens, 3 of them context"));
  EXPECT_TRUE(fails(outcome({{}, 1}), ErrorKind::kFatal, "sequence 1 has 0 tokens"));
  EXPECT_TRUE(fails(outcome({std::vector<uint32_t>(kSequence + 2), 1}), ErrorKind::kFatal,
                    "sequence 1 has 42 tokens"));
  EXPECT_TRUE(fails(outcome({{1, kVocab}, 1}), ErrorKind::kFatal, "token 50 at position 1"));
}

}  // namespace
}  // namespace templar
