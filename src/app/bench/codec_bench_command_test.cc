#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/bench/measure/bench_model.h"
#include "app/verbs/verbs.h"
#include "base/json/json.h"
#include "node/miner/pseudo_gradient_dump.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

VerbOutcome bench_codec(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"bench", "codec"});
  return run_verb(add_bench_command, std::move(arguments));
}

TEST(BenchCodec, ReportsRatiosAndBits) {
  const VerbOutcome outcome = bench_codec({"--millions", "1", "--rounds", "1", "--threads", "1", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json report = parse_json(outcome.output).value();
  EXPECT_GT(report.at("compress_over_memcpy").number().value(), 0);
  EXPECT_GT(report.at("compress_dct_over_memcpy").number().value(),
            report.at("compress_over_memcpy").number().value());
  // log2 C(4096, 64) / 64 = 7.364, and two percent.
  EXPECT_GT(report.at("index_bits").number().value(), 7.364);
  EXPECT_LT(report.at("index_bits").number().value(), 7.52);
  EXPECT_LT(report.at("bits_per_value").number().value(), 9.4);
}

TEST(BenchCodec, PrintsATable) {
  const VerbOutcome outcome = bench_codec({"--millions", "1", "--rounds", "1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("compress DCT coefficients"));
  EXPECT_THAT(outcome.output, HasSubstr("bits a position"));
}

TEST(BenchCodec, MeasuresDumpedPseudoGradients) {
  const TemporaryFolder folder;
  const TestRun run;
  const ParameterBuffers gradient = random_values(run.layout, 1, 0.01f);
  const ParameterBuffers feedback = random_values(run.layout, 2, 0.01f);
  ASSERT_TRUE(dump_pseudo_gradient(folder.path(), 3, 1, run.layout, gradient.spans(), feedback.spans()));
  const std::string file = (folder.path() / "window-00003-uid-1.safetensors").string();

  const auto loaded = load_gradient(file);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_EQ(loaded->layout, run.layout);
  for (size_t p = 0; p < run.layout.size(); ++p) {
    EXPECT_TRUE(std::ranges::equal(loaded->pseudo_gradient.spans()[p], gradient.spans()[p]));
    EXPECT_TRUE(std::ranges::equal(loaded->error_feedback.spans()[p], feedback.spans()[p]));
  }

  const VerbOutcome aggregated = run_verb(add_bench_command, {"bench", "aggregate", "--gradient", file,
                                                              "--no-growth", "--rounds", "1", "--json"});
  ASSERT_EQ(aggregated.exit_code, 0) << aggregated.errors;
  EXPECT_EQ(parse_json(aggregated.output).value().at("parameters").integer().value(),
            parameter_count(run.layout));

  const VerbOutcome outcome = bench_codec({"--gradient", file, file, "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.errors;
  const Json reports = parse_json(outcome.output).value().at(file);
  ASSERT_EQ(reports.size(), 20u);
  for (const Json& report : *reports.list()) {
    const double error = report.at("relative_error").number().value();
    if (*report.at("quantiser").text() == "none") {
      EXPECT_EQ(error, 0);
    } else {
      EXPECT_GT(error, 0);
    }
    EXPECT_LT(error, 1);
  }
}

TEST(BenchCodec, SaysWhatIsWrongWithAFile) {
  const TemporaryFolder folder;
  const std::string gradient = folder.path() / "missing/x.safetensors";
  const VerbOutcome missing = bench_codec({"--gradient", gradient});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.errors, HasSubstr(gradient));
  EXPECT_EQ(bench_codec({"--spec", "none"}).exit_code, 1);
  EXPECT_EQ(bench_codec({"--millions", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace templar::testing
