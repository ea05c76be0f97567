#include "core/consensus/state_root.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace templar {
namespace {

const ParameterLayout kLayout{{"embedding", {600, 500}}, {"norm", {64}}};  // 1.2 MB: two blocks, and one

class StateRootTest : public ::testing::Test {
 protected:
  StateRootTest() {
    float next = 0;
    for (const std::span<float> values : values_.spans()) {
      for (float& value : values) value = next += 0.5f;
    }
  }
  StateTree tree(int threads = 1) {
    ThreadTeam team(threads);
    return compute_state_tree(kLayout, std::as_const(values_).spans(), team);
  }
  ParameterBuffers values_{kLayout};
};

TEST_F(StateRootTest, IsTheFrozenOneForEveryNumberOfThreads) {
  for (int threads = 1; threads <= 8; ++threads) {
    EXPECT_EQ(tree(threads).root.hex(), "3638e0e75e73f5ceb444f5a7d96adf54757ee059ec6e35308d8473c49f8b84ee");
  }
}

TEST_F(StateRootTest, IsBuiltAsTheProtocolSays) {
  const auto bytes = as_bytes(std::as_const(values_).spans()[1]);
  const Hash256 block = Blake2b(32, as_bytes("templar state block v1")).update(bytes).finish256();
  ByteWriter parameter;
  parameter.put(uint32_t{4});
  parameter.put_bytes(as_bytes("norm"));
  parameter.put(uint32_t{3});
  parameter.put_bytes(as_bytes("F32"));
  parameter.put(uint32_t{1});
  parameter.put(uint64_t{64});
  parameter.put(uint64_t{1});
  parameter.put_bytes(block.bytes);
  const Hash256 hash =
      Blake2b(32, as_bytes("templar state parameter v1")).update(parameter.view()).finish256();
  EXPECT_EQ(tree().parameters[1].blocks, std::vector{block});
  EXPECT_EQ(tree().parameters[1].hash, hash);
  ByteWriter root;
  root.put(uint32_t{2});
  root.put_bytes(tree().parameters[0].hash.bytes);
  root.put_bytes(hash.bytes);
  EXPECT_EQ(tree().root, Blake2b(32, as_bytes("templar state root v1")).update(root.view()).finish256());
}

TEST_F(StateRootTest, ChangesWithEveryBitOfTheModel) {
  const Hash256 before = tree().root;
  values_.spans()[0][299'999] = -values_.spans()[0][299'999];
  EXPECT_NE(tree().root, before);
}

TEST_F(StateRootTest, TellsPlusZeroFromMinusZero) {
  values_.spans()[1][0] = 0.0f;
  const Hash256 before = tree().root;
  values_.spans()[1][0] = -0.0f;
  EXPECT_NE(tree().root, before);
}

TEST_F(StateRootTest, DependsOnNamesAndShapes) {
  ThreadTeam team(1);
  const Hash256 before = tree().root;
  ParameterLayout renamed = kLayout;
  renamed[1].name = "norn";
  EXPECT_NE(compute_state_root(renamed, std::as_const(values_).spans(), team), before);
  ParameterLayout reshaped = kLayout;
  reshaped[0].shape = {500, 600};
  EXPECT_NE(compute_state_root(reshaped, std::as_const(values_).spans(), team), before);
}

TEST_F(StateRootTest, NarrowsADifferenceToItsBlock) {
  const StateTree ours = tree();
  EXPECT_FALSE(first_difference(kLayout, ours, tree()).has_value());
  values_.spans()[0][270'000] += 1;
  auto difference = first_difference(kLayout, ours, tree());
  ASSERT_TRUE(difference.has_value());
  EXPECT_EQ(difference->parameter, 0u);
  EXPECT_EQ(difference->block, 1u);
  EXPECT_EQ(difference->description, "embedding, elements 262144 to 299999");
  EXPECT_EQ(difference->first_byte, 1048576u);
  EXPECT_EQ(difference->end_byte, 1200000u) << "the parameter ends before the block does";
  values_.spans()[0][270'000] -= 1;
  values_.spans()[1][3] += 1;
  difference = first_difference(kLayout, ours, tree());
  ASSERT_TRUE(difference.has_value());
  EXPECT_EQ(difference->description, "norm, elements 0 to 63");
}

TEST_F(StateRootTest, CountsTheBlocksThatDiffer) {
  const StateTree ours = tree();
  EXPECT_EQ(count_differences(ours, tree()), 0u);
  values_.spans()[0][0] += 1;
  values_.spans()[0][1] += 1;  // in the same block
  EXPECT_EQ(count_differences(ours, tree()), 1u);
  values_.spans()[0][270'000] += 1;
  values_.spans()[1][3] += 1;
  EXPECT_EQ(count_differences(ours, tree()), 3u);
}

}  // namespace
}  // namespace templar
