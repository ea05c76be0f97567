// The promise of the deterministic precision: one run of training has one result, whatever the number of
// threads, the processor's vectors and the compiler.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "engine/cpu_engine.h"
#include "support/contracts/engine_contract.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/simd_targets.h"

namespace templar::testing {
namespace {

class DeterministicTraining : public OnEachSimdTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, DeterministicTraining, simd_targets(), simd_target_name);

// Sizes that no vector divides, and products that are cut into blocks and among all members.
ModelSpec odd_model() {
  ModelSpec model = contract_model();
  model.vocab_size = 301;
  model.hidden_size = 60;
  model.num_attention_heads = 6;
  model.num_key_value_heads = 3;
  model.intermediate_size = 173;
  return model;
}

struct Outcome {
  std::string root;         // of the parameters after three steps
  uint64_t last_loss = 0;   // the bits of the last step's
  uint64_t evaluation = 0;  // and of a loss with the parameters that came of it
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << outcome.root << " " << outcome.last_loss << " " << outcome.evaluation;
}

// A batch of four passes, the last of them short.
Outcome train(InnerOptimiser optimiser, const EngineOptions& options) {
  constexpr int64_t kBatch = 7;
  constexpr int64_t kSequence = 67;
  InnerSpec inner = contract_inner();
  inner.sequence_length = kSequence;
  inner.optimiser = optimiser;
  const auto engine = make_cpu_engine(odd_model(), inner, options).value();
  initialise(*engine, odd_model(), 7);
  Outcome outcome;
  for (uint64_t step = 0; step < 3; ++step) {
    const auto tokens = contract_tokens(kBatch * kSequence, 100 + step);
    outcome.last_loss =
        std::bit_cast<uint64_t>(engine->train_step({tokens, kBatch, kSequence}, 1e-2).value().loss);
  }
  outcome.root = engine->state_tree().value().root.hex();
  const auto tokens = contract_tokens(kBatch * kSequence, 200);
  outcome.evaluation =
      std::bit_cast<uint64_t>(engine->evaluate({tokens, kBatch, kSequence}).value().loss_sum);
  return outcome;
}

EngineOptions deterministic(int threads) {
  return {.threads = threads, .precision = Precision::kF32Deterministic, .micro_batch = 2};
}

TEST_P(DeterministicTraining, HasTheFrozenResultForEveryNumberOfThreads) {
  if (!make_cpu_engine(odd_model(), contract_inner(), deterministic(1))) {
    GTEST_SKIP() << "no fused multiply-adds";
  }
  const Outcome adamw{.root = "87a6fae4889460595c0c803ec317c6a6bd33ba0922652465ce4858c1fcc8ff45",
                      .last_loss = 4618628591939638794,
                      .evaluation = 4658071383351355629};
  const Outcome muon{.root = "f80287510685f53afbcf1f8932ffcc9fa3d5e9688c81a567739cafdc1c5d4d34",
                     .last_loss = 4619026405554639225,
                     .evaluation = 4658654804072599376};
  for (const int threads : {1, 2, 3, 4}) {
    EXPECT_EQ(train(InnerOptimiser::kAdamw, deterministic(threads)), adamw) << threads << " threads";
    EXPECT_EQ(train(InnerOptimiser::kMuon, deterministic(threads)), muon) << threads << " threads";
    EngineOptions recomputing = deterministic(threads);
    recomputing.recompute_layers = true;
    EXPECT_EQ(train(InnerOptimiser::kAdamw, recomputing), adamw) << threads << " threads, recomputing";
  }
}

// SSE has none, and its emulation would round twice.
TEST_P(DeterministicTraining, IsRefusedWithoutFusedMultiplyAdds) {
  const auto engine = make_cpu_engine(odd_model(), contract_inner(), deterministic(1));
  constexpr int64_t kWithout = HWY_SSE4 | HWY_SSSE3 | HWY_EMU128;
  if ((GetParam() & kWithout) == 0) {
    EXPECT_TRUE(engine.has_value());
  } else {
    EXPECT_TRUE(fails(engine, ErrorKind::kFatal, "needs fused multiply-adds"));
  }
}

}  // namespace
}  // namespace templar::testing
