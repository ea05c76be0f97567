#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/verbs/verbs.h"
#include "support/run_verb.h"

namespace templar::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(RunMemory, SaysWhatEachRoleHoldsByKind) {
  const VerbOutcome outcome = run_verb(add_run_command, {"run", "memory", "tiny", "--micro-batch", "2"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("820352 parameters; micro-batches of 2 sequences of 128 tokens"),
                    HasSubstr("\nminer\n"), HasSubstr("4.00 bytes a parameter  gradients, f32"),
                    HasSubstr("8.00 bytes a parameter  the optimiser's moments, f32"),
                    HasSubstr("4.00 bytes a parameter  error feedback")));
  const size_t evaluator = outcome.output.find("\nevaluator\n");
  ASSERT_NE(evaluator, std::string::npos);
  EXPECT_EQ(outcome.output.find("gradients", evaluator), std::string::npos) << outcome.output;
}

TEST(RunMemory, FollowsTheOptimiserAndTheEnginesOptions) {
  const auto activations = [](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", "memory", "tiny"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const std::string out = run_verb(add_run_command, std::move(arguments)).output;
    const size_t line = out.rfind('\n', out.find("activations"));
    return std::stod(out.substr(line + 1));
  };
  EXPECT_LT(activations({"--recompute-layers"}), activations({}));
  EXPECT_LT(activations({"--micro-batch", "1"}), activations({}));
  EXPECT_THAT(run_verb(add_run_command, {"run", "memory", "tiny", "--set", "inner.optimiser=muon"}).output,
              HasSubstr("the optimiser's working memory"));
  EXPECT_THAT(run_verb(add_run_command, {"run", "memory", "tiny", "--precision", "f32-deterministic"}).output,
              HasSubstr("working memory of matrix products"));
}

TEST(RunMemory, RefusesWhatNoEngineComputes) {
  const VerbOutcome outcome = run_verb(add_run_command, {"run", "memory", "9B"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("tiny, 30M, 150M, 1B, 70B"));
  const VerbOutcome on_card = run_verb(
      add_run_command, {"run", "memory", "tiny", "--device", "cuda", "--precision", "f32-deterministic"});
  EXPECT_EQ(on_card.exit_code, 1);
  EXPECT_THAT(on_card.errors, HasSubstr("take --device cpu, or f32 or bf16"));
}

TEST(RunFields, SaysWhatMayBeLeftOut) {
  const VerbOutcome outcome = run_verb(add_run_command, {"run", "fields"});
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("inner.optimiser (may be left out)\n    adamw | muon\n"),
                                    HasSubstr("inner.steps\n    integer, 1 .. 100000\n")));
}

}  // namespace
}  // namespace templar::testing
