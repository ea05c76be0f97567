#include "support/small_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/run/chunk_plan.h"

namespace templar::testing {
namespace {

TEST(RunSpecFixture, IsValidAndSmall) {
  EXPECT_TRUE(validate(small_run_spec()).has_value());
  EXPECT_TRUE(validate(scoring_run_spec()).has_value());
  EXPECT_LT(parameter_count(parameter_layout(small_run_spec().model)), 20000);
}

TEST(RunSpecFixture, HasAllThatALargeModelHas) {
  const ModelSpec model = small_run_spec().model;
  EXPECT_LT(model.num_key_value_heads, model.num_attention_heads);
  EXPECT_GT(model.num_hidden_layers, 1);
  EXPECT_FALSE(model.tie_word_embeddings);
  EXPECT_NE(model.hidden_size % small_run_spec().codec.chunk, 0);
}

TEST(SmallModelFixture, KnowsItsChunkTotalsAsByHand) {
  const ParameterLayout layout = {{"tile", {64, 24}}, {"row", {24}}, {"prime", {7, 31}}};
  // Edges up to 16: 64 -> 16, 24 -> 12, 7 -> 7, 31 -> 1.
  EXPECT_EQ(chunk_totals(layout, 16), (std::vector<ChunkTotals>{{8, 192}, {2, 12}, {31, 7}}));
}

TEST(SmallModelFixture, CutsAsTheProtocolDoes) {
  const SmallModel model;
  const std::vector<ChunkPlan> plans = plan_chunks(model.layout, model.spec.codec);
  ASSERT_EQ(plans.size(), model.totals.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    EXPECT_EQ((ChunkTotals{plans[i].chunk_count(), plans[i].chunk_elements()}), model.totals[i])
        << model.layout[i].name;
    EXPECT_EQ(model.totals[i].chunks * model.totals[i].chunk_size, model.layout[i].count());
  }
}

TEST(SmallModelFixture, StartsAsEveryNodeDoes) {
  const SmallModel model;
  ParameterBuffers expected(model.layout);
  initialise_parameters(model.layout, model.spec.model, model.spec.seed, expected.spans());
  for (size_t i = 0; i < model.layout.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(model.parameters.spans()[i], expected.spans()[i])) << model.layout[i].name;
  }
}

TEST(SmallModelFixture, GivesRandomValuesThatFollowFromTheSeed) {
  const SmallModel model;
  const ParameterBuffers values = random_values(model.layout, 1, 0.5f);
  const auto first = values.spans()[0];
  EXPECT_TRUE(std::ranges::equal(first, random_values(model.layout, 1, 0.5f).spans()[0]));
  EXPECT_FALSE(std::ranges::equal(first, random_values(model.layout, 2, 0.5f).spans()[0]));
  double squares = 0;
  for (const float value : first) squares += static_cast<double>(value) * value;
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(first.size())), 0.5, 0.05);
}

}  // namespace
}  // namespace templar::testing
