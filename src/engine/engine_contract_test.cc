// The numbers that every engine owes: losses, gradients, steps, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/run/schedule.h"
#include "support/contracts/engine_contract.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/reference_model.h"

namespace templar::testing {
namespace {

double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / size);
}

const char* const kReferenceModels[] = {"llama_gqa_untied", "llama_mha_tied"};

TokenBatch batch_of(const ReferenceModel& reference, int step) {
  return {reference.tokens.at("tokens." + std::to_string(step)), reference.batch, reference.sequence};
}

TEST_P(EngineContract, GivesTheVectorsLogits) {
  for (const char* name : kReferenceModels) {
    const auto reference = load_reference_model(name);
    const auto engine = make_reference(reference);
    const auto logits = engine->logits(batch_of(reference, 0));
    ASSERT_TRUE(logits.has_value()) << logits.error().message;
    EXPECT_LT(largest_deviation(*logits, reference.tensors.at("logits")), tolerance(1e-4, 3e-2)) << name;
  }
}

TEST_P(EngineContract, GivesTheVectorsLossAndGradients) {
  for (const char* name : kReferenceModels) {
    const auto reference = load_reference_model(name);
    for (const int64_t micro_batch : {1, 8}) {
      const auto engine = make_reference(reference, micro_batch);
      const auto loss = engine->compute_gradients(batch_of(reference, 0));
      ASSERT_TRUE(loss.has_value()) << loss.error().message;
      EXPECT_NEAR(*loss, reference.numbers("losses")[0], tolerance(1e-5, 0.02));
      const ParameterSpans gradients = engine->gradients().value();
      for (size_t i = 0; i < engine->layout().size(); ++i) {
        const std::string& parameter = engine->layout()[i].name;
        EXPECT_LT(largest_deviation(gradients[i], reference.tensors.at("grad." + parameter)),
                  tolerance(1e-4, 6e-2))
            << name << ", " << parameter << " with micro-batches of " << micro_batch;
      }
    }
  }
}

TEST_P(EngineContract, FollowsTheVectorsForFiveSteps) {
  for (const char* name : kReferenceModels) {
    const auto reference = load_reference_model(name);
    const auto engine = make_reference(reference);
    for (int step = 0; step < 5; ++step) {
      const auto report = engine->train_step(batch_of(reference, step), reference.inner.learning_rate);
      ASSERT_TRUE(report.has_value()) << report.error().message;
      const auto at = static_cast<size_t>(step);
      EXPECT_NEAR(report->loss, reference.numbers("losses")[at], tolerance(1e-5, 0.02)) << "step " << step;
      const double norm = reference.numbers("grad_norms_before_clip")[at];
      EXPECT_NEAR(report->gradient_norm, norm, norm * tolerance(1e-4, 0.03)) << "step " << step;
    }
    const ConstParameterSpans parameters = parameters_of(*engine);
    for (size_t i = 0; i < engine->layout().size(); ++i) {
      // A step moves a weight by the learning rate, whatever its gradient's size: bf16 may turn a few around.
      const auto& want = reference.tensors.at("after." + engine->layout()[i].name);
      EXPECT_LT(largest_deviation(parameters[i], want), tolerance(5e-4, 0.2))
          << name << ", " << engine->layout()[i].name;
      EXPECT_LT(relative_distance({parameters[i].begin(), parameters[i].end()}, want), tolerance(1e-4, 0.03));
    }
  }
}

// Heads of a size of their own, more than fill the hidden size; what those beyond the vectors' attend to is
// taken times zero, so that the rest is the vectors' model.
TEST_P(EngineContract, GivesTheVectorsNumbersWithHeadsOfTheirOwnSize) {
  for (const char* name : kReferenceModels) {
    const auto reference = load_reference_model(name);
    const ModelSpec& narrow = reference.model;
    ModelSpec wide = narrow;
    wide.head_dim = narrow.head_width();
    wide.num_key_value_heads += 1;
    wide.num_attention_heads += narrow.num_attention_heads / narrow.num_key_value_heads;
    const auto engine = make(wide, reference.inner, options(8));
    const auto is_output = [](const std::string& parameter) { return parameter.ends_with("o_proj.weight"); };
    initialise(*engine, wide, 7);
    edit_parameters(*engine, [&](ParameterSpans parameters) {
      for (size_t i = 0; i < engine->layout().size(); ++i) {
        const auto& [parameter, shape] = engine->layout()[i];
        const std::vector<float>& values = reference.tensors.at("param." + parameter);
        if (is_output(parameter)) {
          std::ranges::fill(parameters[i], 0.0F);
          for (int64_t row = 0; row < shape[0]; ++row)
            std::copy_n(values.begin() + row * narrow.query_width(), narrow.query_width(),
                        parameters[i].begin() + row * wide.query_width());
        } else {
          std::ranges::copy(values, parameters[i].begin());
        }
      }
    });
    EXPECT_LT(
        largest_deviation(engine->logits(batch_of(reference, 0)).value(), reference.tensors.at("logits")),
        tolerance(1e-4, 3e-2))
        << name;
    EXPECT_NEAR(engine->compute_gradients(batch_of(reference, 0)).value(), reference.numbers("losses")[0],
                tolerance(1e-5, 0.02));
    const ParameterSpans gradients = engine->gradients().value();
    for (size_t i = 0; i < engine->layout().size(); ++i) {
      const auto& [parameter, shape] = engine->layout()[i];
      const std::vector<float>& want = reference.tensors.at("grad." + parameter);
      std::vector<float> got;
      if (is_output(parameter)) {
        for (int64_t row = 0; row < shape[0]; ++row) {
          const auto begin = gradients[i].begin() + row * wide.query_width();
          got.insert(got.end(), begin, begin + narrow.query_width());
        }
      } else {
        got.assign(gradients[i].begin(), gradients[i].begin() + std::ssize(want));
      }
      EXPECT_LT(largest_deviation(got, want), tolerance(1e-4, 6e-2)) << name << ", " << parameter;
    }
  }
}

TEST_P(EngineContract, HasTheGradientOfItsOwnLoss) {
  if (!exact()) GTEST_SKIP() << "differences of a bf16 loss are its rounding";
  for (const ModelSpec& model : contract_models()) {
    const auto engine = make_small(model);
    const auto tokens = contract_tokens(2 * kContractSequence, 1);
    const TokenBatch batch{tokens, 2, kContractSequence};
    ASSERT_TRUE(engine->compute_gradients(batch).has_value());
    std::vector<std::vector<float>> gradients;
    const ParameterSpans found = engine->gradients().value();
    for (const auto& span : found) gradients.emplace_back(span.begin(), span.end());
    constexpr float kStep = 1e-2F;
    const auto loss_at = [&](size_t parameter, size_t at, float offset) {
      const float before = parameters_of(*engine)[parameter][at];
      add_to_parameter(*engine, parameter, at, offset);
      const double loss = engine->evaluate(batch).value().mean_loss();
      edit_parameters(*engine, [&](ParameterSpans parameters) { parameters[parameter][at] = before; });
      return loss;
    };
    for (size_t parameter = 0; parameter < gradients.size(); ++parameter) {
      // The place where a wrong gradient shows most.
      const auto largest =
          std::ranges::max_element(gradients[parameter], {}, [](float x) { return std::abs(x); });
      const auto at = static_cast<size_t>(largest - gradients[parameter].begin());
      const double numerical = (loss_at(parameter, at, kStep) - loss_at(parameter, at, -kStep)) / (2 * kStep);
      EXPECT_NEAR(*largest, numerical, 1e-4 + 0.03 * std::abs(numerical))
          << engine->layout()[parameter].name << ", heads of " << model.head_width();
    }
  }
}

TEST_P(EngineContract, AccumulatesMicroBatchesToTheGradientOfTheWholeBatch) {
  const auto tokens = contract_tokens(5 * kContractSequence, 1);
  for (const bool tied : {false, true}) {
    const auto whole = make_small(contract_model(tied));
    const auto want = whole->compute_gradients({tokens, 5, kContractSequence});
    for (const int64_t micro_batch : {1, 2, 5}) {
      const auto engine = make_small(contract_model(tied), micro_batch);
      EXPECT_NEAR(engine->compute_gradients({tokens, 5, kContractSequence}).value(), want.value(),
                  tolerance(1e-6, 1e-2));
      EXPECT_LT(relative_distance(flat_gradients(*engine), flat_gradients(*whole)), tolerance(1e-5, 2e-2));
    }
  }
}

TEST_P(EngineContract, WritesGradientsAnewForEachBatch) {
  const auto engine = make_small();
  const auto first = contract_tokens(kContractSequence, 1);
  const auto second = contract_tokens(kContractSequence, 2);
  ASSERT_TRUE(engine->compute_gradients({second, 1, kContractSequence}).has_value());
  const auto want = flat_gradients(*engine);
  ASSERT_TRUE(engine->compute_gradients({first, 1, kContractSequence}).has_value());
  ASSERT_TRUE(engine->compute_gradients({second, 1, kContractSequence}).has_value());
  EXPECT_EQ(flat_gradients(*engine), want);
}

TEST_P(EngineContract, TrainsToTheSameBitsEachTime) {
  const auto trained = [&] {
    const auto engine = make_small(contract_model(), 2);
    for (uint64_t step = 0; step < 4; ++step) {
      EXPECT_TRUE(
          engine->train_step({contract_tokens(5 * kContractSequence, 100 + step), 5, kContractSequence}, 1e-2)
              .has_value());
    }
    return flat_parameters(*engine);
  };
  EXPECT_EQ(trained(), trained());
}

TEST_P(EngineContract, LearnsARepeatedBatch) {
  const auto engine = make_small();
  const auto tokens = contract_tokens(2 * kContractSequence, 1);
  const double first = engine->evaluate({tokens, 2, kContractSequence}).value().mean_loss();
  for (int step = 0; step < 30; ++step)
    ASSERT_TRUE(engine->train_step({tokens, 2, kContractSequence}, 1e-2).has_value());
  EXPECT_LT(engine->evaluate({tokens, 2, kContractSequence}).value().mean_loss(), first / 2);
}

TEST_P(EngineContract, EvaluatesWithoutTouchingAnyState) {
  const auto engine = make_small();
  const auto tokens = contract_tokens(5 * kContractSequence, 1);
  ASSERT_TRUE(engine->train_step({tokens, 5, kContractSequence}, 1e-2).has_value());
  const auto parameters = flat_parameters(*engine);
  const auto gradients = flat_gradients(*engine);
  const auto moments = flat_moments(*engine);
  const auto evaluated = engine->evaluate({tokens, 5, kContractSequence});
  ASSERT_TRUE(evaluated.has_value());
  EXPECT_EQ(evaluated->predicted_tokens, 5 * (kContractSequence - 1));
  EXPECT_EQ(flat_parameters(*engine), parameters);
  EXPECT_EQ(flat_gradients(*engine), gradients);
  EXPECT_EQ(flat_moments(*engine), moments);
  EXPECT_EQ(engine->optimiser_state().value().updates, 1);
  EXPECT_EQ(engine->compute_gradients({tokens, 5, kContractSequence}).value(), evaluated->mean_loss());
}

TEST_P(EngineContract, ResumesExactlyFromParametersAndOptimiserState) {
  const auto straight = make_small();
  const auto resumed = make_small();
  const auto tokens = contract_tokens(5 * kContractSequence, 1);
  for (int step = 0; step < 2; ++step)
    ASSERT_TRUE(straight->train_step({tokens, 5, kContractSequence}, 1e-2).has_value());
  const OptimiserState from = straight->optimiser_state().value();
  ASSERT_TRUE(resumed->edit_optimiser_state([&](OptimiserState& to) -> Status {
    for (size_t i = 0; i < from.moments.size(); ++i) {
      EXPECT_EQ(to.moments[i].name, from.moments[i].name);
      std::ranges::copy(from.moments[i].values, to.moments[i].values.begin());
    }
    to.updates = from.updates;
    return {};
  }));
  set_parameters(*resumed, parameters_of(*straight));
  ASSERT_TRUE(straight->train_step({tokens, 5, kContractSequence}, 1e-2).has_value());
  ASSERT_TRUE(resumed->train_step({tokens, 5, kContractSequence}, 1e-2).has_value());
  EXPECT_EQ(flat_parameters(*resumed), flat_parameters(*straight));
}

TEST_P(EngineContract, SkipsAStepThatIsNotFiniteAndIsNoneTheWorseForIt) {
  for (const bool tied : {false, true}) {
    const auto engine = make_small(contract_model(tied), 2);
    const auto fresh = make_small(contract_model(tied), 2);
    const auto tokens = contract_tokens(5 * kContractSequence, 1);
    const float value = parameters_of(*engine)[1].front();
    edit_parameters(*engine, [](ParameterSpans parameters) {
      parameters[1].front() = std::numeric_limits<float>::quiet_NaN();
    });
    EXPECT_TRUE(
        fails(engine->train_step({tokens, 5, kContractSequence}, 1e-2), ErrorKind::kSkip, "not finite"));
    EXPECT_TRUE(
        fails(engine->compute_gradients({tokens, 5, kContractSequence}), ErrorKind::kSkip, "not finite"));
    const auto evaluated = engine->evaluate({tokens, 5, kContractSequence});
    ASSERT_TRUE(evaluated.has_value());
    EXPECT_FALSE(std::isfinite(evaluated->loss_sum));
    EXPECT_EQ(engine->optimiser_state().value().updates, 0);
    EXPECT_THAT(flat_moments(*engine), ::testing::Each(0.0F));
    edit_parameters(*engine, [&](ParameterSpans parameters) { parameters[1].front() = value; });
    ASSERT_TRUE(engine->train_step({tokens, 5, kContractSequence}, 1e-2).has_value());
    ASSERT_TRUE(fresh->train_step({tokens, 5, kContractSequence}, 1e-2).has_value());
    EXPECT_EQ(flat_parameters(*engine), flat_parameters(*fresh));
  }
}

TEST_P(EngineContract, RefusesBatchesThatItCannotCompute) {
  const auto engine = make_small();
  auto tokens = contract_tokens(2 * kContractSequence, 1);
  const auto long_tokens = contract_tokens(2 * (kContractSequence + 1), 1);
  EXPECT_TRUE(
      fails(engine->train_step({long_tokens, 2, kContractSequence + 1}, 1e-3), ErrorKind::kFatal, "13"));
  EXPECT_TRUE(fails(engine->train_step({{}, 0, kContractSequence}, 1e-3), ErrorKind::kFatal, "0 sequences"));
  EXPECT_TRUE(fails(engine->train_step({tokens, 3, kContractSequence}, 1e-3), ErrorKind::kFatal, "24"));
  tokens[15] = kContractVocab;
  EXPECT_TRUE(fails(engine->train_step({tokens, 2, kContractSequence}, 1e-3), ErrorKind::kFatal,
                    "token 50 at position 15"));
  EXPECT_TRUE(fails(engine->evaluate({tokens, 2, kContractSequence}), ErrorKind::kFatal, "token 50"));
  EXPECT_TRUE(fails(engine->logits({tokens, 2, kContractSequence}), ErrorKind::kFatal, "token 50"));
  EXPECT_TRUE(fails(engine->generate(tokens, {}), ErrorKind::kFatal, "token 50"));
  EXPECT_TRUE(fails(engine->generate({}, {}), ErrorKind::kFatal, "prompt"));
}

TEST_P(EngineContract, EvaluatesTheSameWithoutWhatTrainingNeeds) {
  const auto engine = make_small(contract_model(), 2, EngineUse::kEvaluating);
  const auto training = make_small(contract_model(), 2);
  const auto tokens = contract_tokens(5 * kContractSequence, 1);
  const TokenBatch batch{tokens, 5, kContractSequence};
  EXPECT_EQ(engine->evaluate(batch).value().loss_sum, training->evaluate(batch).value().loss_sum);
  EXPECT_EQ(engine->logits(batch).value(), training->logits(batch).value());
  EXPECT_EQ(engine->generate(tokens, {.max_new_tokens = 4}).value(),
            training->generate(tokens, {.max_new_tokens = 4}).value());
  EXPECT_EQ(engine->state_tree().value(), training->state_tree().value());
  const char* const why = "made for evaluating";
  EXPECT_TRUE(fails(engine->train_step(batch, 1e-2), ErrorKind::kFatal, why));
  EXPECT_TRUE(fails(engine->compute_gradients(batch), ErrorKind::kFatal, why));
  EXPECT_TRUE(fails(engine->gradients(), ErrorKind::kFatal, why));
  EXPECT_TRUE(fails(engine->optimiser_state(), ErrorKind::kFatal, why));
}

TEST_P(EngineContract, HashesTheParametersThatItHas) {
  const auto engine = make_small();
  ThreadTeam team(1);
  const auto tokens = contract_tokens(5 * kContractSequence, 1);
  ASSERT_TRUE(engine->train_step({tokens, 5, kContractSequence}, 1e-2).has_value());
  EXPECT_EQ(engine->state_tree().value(), compute_state_tree(engine->layout(), parameters_of(*engine), team));
}

TEST_P(EngineContract, KeepsWhatAnEditHasWrittenBeforeItFailed) {
  const auto engine = make_small();
  EXPECT_TRUE(fails(engine->edit_parameters([](ParameterSpans parameters) -> Status {
    parameters[0][0] = 17;
    return skip_error("the file ends here");
  }),
                    ErrorKind::kSkip, "the file ends here"));
  EXPECT_EQ(parameters_of(*engine)[0][0], 17);
}

TEST_P(EngineContract, RefusesModelsAndOptionsWithoutAMeaning) {
  const auto refused = [&](const ModelSpec& model, int64_t micro_batch) {
    return GetParam().make(model, contract_inner(), options(micro_batch));
  };
  EXPECT_TRUE(fails(refused(contract_model(), 0), ErrorKind::kFatal, "micro_batch 0"));
  ModelSpec model = contract_model();
  model.num_attention_heads = 5;
  EXPECT_TRUE(fails(refused(model, 1), ErrorKind::kFatal, "5 attention heads"));
  model = contract_model();
  model.num_key_value_heads = 3;
  EXPECT_TRUE(fails(refused(model, 1), ErrorKind::kFatal, "3 key and value heads"));
  const RunSpec huge = preset_run_spec("70B").value();
  EXPECT_TRUE(fails(GetParam().make(huge.model, huge.inner, options(8)), ErrorKind::kFatal, "GiB"));
}

}  // namespace
}  // namespace templar::testing
