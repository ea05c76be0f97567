#include "core/consensus/possession.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace templar {
namespace {

class PossessionTest : public ::testing::Test {
 protected:
  PossessionTest() {
    Random random(8);
    for (const std::span<float> values : model_.spans()) {
      for (float& value : values) value = static_cast<float>(random.normal());
    }
  }
  Hash256 prove(uint32_t uid = 3, int64_t window = 10) {
    return prove_possession(std::as_const(model_).spans(), block_hash_, uid, window);
  }
  // 5,000 and 1,300 values: blocks reach across parameters, and the last one is short.
  ParameterBuffers model_{ParameterLayout{{"matrix", {50, 100}}, {"vector", {1300}}}};
  Hash256 block_hash_ = blake2b_256(as_bytes("block"));
};

TEST_F(PossessionTest, IsTheFrozenOne) {
  EXPECT_EQ(prove().hex(), "a9006fcfbfd5a3322406c56c25bbb96d31a9bc1598755b345f3ebc281a47a560");
}

TEST_F(PossessionTest, DependsOnWhoAndWhen) {
  std::set<Hash256> proofs{prove(), prove(4), prove(3, 11)};
  block_hash_.bytes[0] ^= 1;
  proofs.insert(prove());
  EXPECT_EQ(proofs.size(), 4u);
}

TEST_F(PossessionTest, NoticesEveryChangedBlockThatItLooksAt) {
  // 64 draws from 7 blocks meet all of them but for a chance of one in ten thousand; the block hash is fixed.
  const Hash256 before = prove();
  for (size_t i = 0; i < 5000; i += 512) {
    float& value = model_.spans()[0][i];
    value += 1;
    EXPECT_NE(prove(), before) << i;
    value -= 1;
  }
}

TEST_F(PossessionTest, DoesNotDependOnHowTheModelIsCutIntoParameters) {
  const std::span<const float> first = std::as_const(model_).spans()[0];
  const std::span<const float> cut[] = {first.first(7), first.subspan(7), std::as_const(model_).spans()[1]};
  EXPECT_EQ(prove_possession(cut, block_hash_, 3, 10), prove());
}

TEST_F(PossessionTest, WorksOnAModelSmallerThanABlock) {
  const std::vector<float> tiny(5, 1.0f);
  const std::span<const float> spans[] = {tiny};
  EXPECT_NE(prove_possession(spans, block_hash_, 3, 10), prove_possession(spans, block_hash_, 4, 10));
}

}  // namespace
}  // namespace templar
