#include "core/run/chunk_plan.h"

#include <gtest/gtest.h>

#include <set>

#include "support/json_values.h"
#include "support/vectors.h"

namespace templar {
namespace {

CodecSpec codec_with(int64_t chunk, int64_t topk) {
  return {.chunk = chunk, .topk = topk};
}

ChunkPlan plan_of(std::vector<int64_t> shape, int64_t chunk, int64_t topk) {
  return plan_chunks(shape, codec_with(chunk, topk));
}

TEST(ChunkPlanVectors, EdgeIsTheReferencesDivisor) {
  const auto cases = testing::load_vector_json("chunk_split.json");
  ASSERT_GT(cases.size(), 0U);
  for (const Json& entry : *cases.list()) {
    EXPECT_EQ(chunk_edge(testing::as<int64_t>(entry.at("n")), testing::as<int64_t>(entry.at("close_to"))),
              testing::as<int64_t>(entry.at("split")))
        << testing::as<int64_t>(entry.at("n")) << " close to " << testing::as<int64_t>(entry.at("close_to"));
  }
}

TEST(ChunkPlan, CutsAMatrixIntoTilesRowByRow) {
  const ChunkPlan plan = plan_of({128, 192}, 64, 64);
  EXPECT_EQ(plan.chunk_elements(), 4096);
  EXPECT_EQ(plan.chunk_count(), 6);
  EXPECT_EQ(plan.kept_total(), 6 * 64);
  EXPECT_EQ(plan.first_element(0), 0);
  EXPECT_EQ(plan.first_element(1), 64);
  EXPECT_EQ(plan.first_element(3), 64 * 192);
}

TEST(ChunkPlan, CutsAVectorIntoRows) {
  const ChunkPlan plan = plan_of({40}, 8, 2);
  EXPECT_EQ(plan.tile_rows, 1);
  EXPECT_EQ(plan.tile_columns, 8);
  EXPECT_EQ(plan.chunk_count(), 5);
  EXPECT_EQ(plan.first_element(4), 32);
}

TEST(ChunkPlan, CoversEveryElementOnce) {
  const ChunkPlan plan = plan_of({12, 20}, 8, 4);
  std::multiset<size_t> seen;
  for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
    for_each_tile_row(plan, chunk, [&](size_t dense, size_t) {
      for (size_t i = 0; i < static_cast<size_t>(plan.tile_columns); ++i) seen.insert(dense + i);
    });
  }
  EXPECT_EQ(seen.size(), 240u);
  EXPECT_EQ(std::set<size_t>(seen.begin(), seen.end()).size(), 240u);
  EXPECT_EQ(*seen.rbegin(), 239u);
}

TEST(ChunkPlan, KeepsAnEvenNumberButAtLeastOne) {
  EXPECT_EQ(plan_of({64, 64}, 64, 65).kept, 64);
  EXPECT_EQ(plan_of({7}, 64, 64).kept, 6);  // a chunk of seven: one is dropped
  EXPECT_EQ(plan_of({3}, 64, 2).kept, 2);
  EXPECT_EQ(plan_of({101}, 64, 64).kept, 1);  // a prime number: chunks of one
}

}  // namespace
}  // namespace templar
