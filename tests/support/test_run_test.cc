#include "support/test_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/run/chunk_plan.h"

namespace templar::testing {
namespace {

// How a parameter is cut into chunks.
struct ChunkTotals {
  int64_t chunks = 0;      // of the parameter
  int64_t chunk_size = 0;  // values of each
  bool operator==(const ChunkTotals&) const = default;
};

int64_t largest_divisor_up_to(int64_t number, int64_t limit) {
  for (int64_t divisor = limit; divisor > 1; --divisor) {
    if (number % divisor == 0) return divisor;
  }
  return 1;
}

// One entry a parameter. Computed from the divisor rule alone, by no code of the project's.
std::vector<ChunkTotals> chunk_totals(const ParameterLayout& layout, int64_t chunk) {
  std::vector<ChunkTotals> totals;
  for (const ParameterInfo& parameter : layout) {
    int64_t size = 1;
    for (const int64_t dimension : parameter.shape) size *= largest_divisor_up_to(dimension, chunk);
    totals.push_back({.chunks = parameter.count() / size, .chunk_size = size});
  }
  return totals;
}

TEST(RunSpecFixture, IsValidAndSmall) {
  EXPECT_TRUE(validate(small_run_spec()).has_value());
  EXPECT_TRUE(validate(scoring_run_spec()).has_value());
  EXPECT_TRUE(validate(node_run_spec()).has_value());
  EXPECT_TRUE(validate(demo_node_run_spec()).has_value());
  EXPECT_LT(parameter_count(parameter_layout(small_run_spec().model)), 20000);
}

TEST(RunSpecFixture, HasAllThatALargeModelHas) {
  const ModelSpec model = small_run_spec().model;
  EXPECT_LT(model.num_key_value_heads, model.num_attention_heads);
  EXPECT_GT(model.num_hidden_layers, 1);
  EXPECT_FALSE(model.tie_word_embeddings);
  EXPECT_NE(model.hidden_size % small_run_spec().codec.chunk, 0);
}

TEST(TestRunFixture, KnowsItsChunkTotalsAsByHand) {
  const ParameterLayout layout = {{"tile", {64, 24}}, {"row", {24}}, {"prime", {7, 31}}};
  // Edges up to 16: 64 -> 16, 24 -> 12, 7 -> 7, 31 -> 1.
  EXPECT_EQ(chunk_totals(layout, 16), (std::vector<ChunkTotals>{{8, 192}, {2, 12}, {31, 7}}));
}

TEST(TestRunFixture, CutsAsTheProtocolDoes) {
  const TestRun run;
  const std::vector<ChunkTotals> totals = chunk_totals(run.layout, run.spec.codec.chunk);
  const std::vector<ChunkPlan> plans = plan_chunks(run.layout, run.spec.codec);
  ASSERT_EQ(plans.size(), totals.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    EXPECT_EQ((ChunkTotals{plans[i].chunk_count(), plans[i].chunk_elements()}), totals[i])
        << run.layout[i].name;
    EXPECT_EQ(totals[i].chunks * totals[i].chunk_size, run.layout[i].count());
  }
}

TEST(TestRunFixture, StartsAsEveryNodeDoes) {
  const TestRun run;
  ParameterBuffers expected(run.layout);
  initialise_parameters(run.layout, run.spec.model, run.spec.seed, expected.spans());
  for (size_t i = 0; i < run.layout.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(run.parameters.spans()[i], expected.spans()[i])) << run.layout[i].name;
  }
}

TEST(TestRunFixture, GivesRandomValuesThatFollowFromTheSeed) {
  const TestRun run;
  const ParameterBuffers values = random_values(run.layout, 1, 0.5f);
  const auto first = values.spans()[0];
  EXPECT_TRUE(std::ranges::equal(first, random_values(run.layout, 1, 0.5f).spans()[0]));
  EXPECT_FALSE(std::ranges::equal(first, random_values(run.layout, 2, 0.5f).spans()[0]));
  double squares = 0;
  for (const float value : first) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(first.size())), 0.5, 0.05);
}

}  // namespace
}  // namespace templar::testing
