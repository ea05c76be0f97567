#include "app/bench/measure/measure_train.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/expect_failure.h"

namespace templar {
namespace {

TrainBenchOptions small_options() {
  TrainBenchOptions options;
  options.model = default_bench_model();
  options.model.vocab_size = 64;
  options.model.hidden_size = 32;
  options.model.num_hidden_layers = 2;
  options.model.num_attention_heads = options.model.num_key_value_heads = 4;
  options.model.intermediate_size = 88;
  options.batch = 2;
  options.sequence = 16;
  options.warmup_steps = 2;
  options.steps = 3;
  return options;
}

// scripts/bench_torch.py --warmup 2 --steps 3 --vocab 64 --hidden 32 --layers 2 --heads 4 --intermediate 88
// --sequence 16
// --batch 2, with PyTorch 1.13.
TEST(MeasureTrain, TrainsTheModelOfThePyTorchScript) {
  const auto report = run_train_bench(small_options());
  ASSERT_TRUE(report.has_value());
  const std::vector<double> want = {4.17581844329834, 4.1661224365234375, 4.143725395202637,
                                    4.195327281951904, 4.206043720245361};
  ASSERT_EQ(report->losses.size(), want.size());
  for (size_t step = 0; step < want.size(); ++step)
    EXPECT_NEAR(report->losses[step], want[step], 1e-4) << step;
}

TEST(MeasureTrain, ReportsWhatItMeasured) {
  TrainBenchOptions options = small_options();
  options.precision = Precision::kBf16;
  const auto report = run_train_bench(options);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->parameters, 2 * 64 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 88 + 2 * 32) + 32);
  EXPECT_GT(report->tokens_per_second, 0);
  EXPECT_NEAR(report->tokens_per_second * report->seconds_a_step, 32, 1e-9);
  EXPECT_GT(report->share_of_peak(), 0);
  EXPECT_TRUE(
      std::ranges::all_of(report->phases, [](const auto& phase) { return phase.seconds_a_step >= -1e-9; }));
  EXPECT_EQ(report->phases.back().name, "other");
  // Six operations for each weight of a matrix product, and attention's two products over half a square,
  // thrice.
  EXPECT_EQ(report->flops_a_token, 6.0 * (64 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 88)) + 6.0 * 2 * 32 * 16);
}

TEST(MeasureTrain, SaysInWhichPrecisionItTrained) {
  TrainBenchOptions options = small_options();
  for (const Precision precision : {Precision::kF32, Precision::kF32Deterministic}) {
    options.precision = precision;
    const auto report = run_train_bench(options);
    if (!report) {
      EXPECT_TRUE(testing::fails(report, ErrorKind::kFatal, "needs fused multiply-adds"));
    } else {
      EXPECT_EQ(report->precision, precision);
    }
  }
}

TEST(MeasureTrain, MeasuresAnotherPrecisionBesideTheFirst) {
  TrainBenchOptions options = small_options();
  const auto alone = run_train_bench(options);
  options.beside = Precision::kBf16;
  const auto report = run_train_bench(options);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(alone->time_beside, 0);
  EXPECT_GT(report->time_beside, 0);
  EXPECT_EQ(report->losses, alone->losses);
  options.card = 0;
  EXPECT_TRUE(testing::fails(run_train_bench(options), ErrorKind::kFatal, "beside a card"));
}

TEST(MeasureTrain, RefusesWhatItCannotRun) {
  TrainBenchOptions options = small_options();
  options.steps = 0;
  EXPECT_TRUE(testing::fails(run_train_bench(options), ErrorKind::kFatal, "at least one step"));
  options = small_options();
  options.threads = 0;
  EXPECT_TRUE(testing::fails(run_train_bench(options), ErrorKind::kFatal, "0 threads"));
}

}  // namespace
}  // namespace templar
