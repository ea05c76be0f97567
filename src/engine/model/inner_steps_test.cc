#include "engine/model/inner_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/run/schedule.h"
#include "engine/cpu_engine.h"
#include "support/contracts/engine_contract.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

InnerSpec scheduled_inner() {
  InnerSpec inner = contract_inner();
  inner.warmup_steps = 2;
  inner.schedule_steps = 10;
  inner.eta_min_factor = 0.1;
  return inner;
}

std::unique_ptr<Engine> make_engine() {
  auto engine = make_cpu_engine(contract_model(), scheduled_inner(), {}).value();
  initialise(*engine, contract_model(), 7);
  return engine;
}

TEST(InnerSteps, TrainOnEachBatchAtTheRunsOwnStep) {
  const auto engine = make_engine();
  const auto twin = make_engine();
  std::vector<std::vector<uint32_t>> batches;
  for (uint64_t i = 0; i < 3; ++i) batches.push_back(contract_tokens(5 * kContractSequence, i));
  std::vector<int64_t> asked;
  const auto report = inner_steps(*engine, scheduled_inner(), 4, [&](int64_t step) -> Result<TokenBatch> {
    asked.push_back(step);
    return TokenBatch{batches[static_cast<size_t>(step - 4)], 5, kContractSequence};
  });
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(asked, ::testing::ElementsAre(4, 5, 6));
  double norms = 0;
  for (int64_t step = 4; step < 7; ++step) {
    const TokenBatch batch{batches[static_cast<size_t>(step - 4)], 5, kContractSequence};
    const auto trained = twin->train_step(batch, scheduled_learning_rate(scheduled_inner(), step)).value();
    EXPECT_EQ(report->losses[static_cast<size_t>(step - 4)], trained.loss);
    norms += trained.gradient_norm;
  }
  EXPECT_EQ(flat_parameters(*engine), flat_parameters(*twin));
  EXPECT_NEAR(report->gradient_norm_mean, norms / 3, 1e-12);
  EXPECT_EQ(report->learning_rate_last, scheduled_learning_rate(scheduled_inner(), 6));
  EXPECT_EQ(report->tokens, 3 * 5 * kContractSequence);
}

TEST(InnerSteps, StopAtTheFirstError) {
  const auto engine = make_engine();
  const auto tokens = contract_tokens(kContractSequence, 1);
  int asked = 0;
  const auto report = inner_steps(*engine, scheduled_inner(), 0, [&](int64_t) -> Result<TokenBatch> {
    if (++asked == 2) return skip_error("shard 3 is corrupt");
    return TokenBatch{tokens, 1, kContractSequence};
  });
  EXPECT_TRUE(fails(report, ErrorKind::kSkip, "shard 3"));
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace templar::testing
