#include "core/scoring/agreed_weights.h"

#include <gmock/gmock.h>

#include <limits>

namespace templar {
namespace {

using ::testing::DoubleEq;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const Weights kHonest{{1, 0.5}, {2, 0.3}, {3, 0.2}};

TEST(AgreedWeights, AreWhatAllSay) {
  EXPECT_THAT(agreed_weights({{5, kHonest}, {1, kHonest}}),
              UnorderedElementsAre(Pair(1, DoubleEq(0.5)), Pair(2, DoubleEq(0.3)), Pair(3, DoubleEq(0.2))));
  EXPECT_THAT(agreed_weights({{0.25, {{7, 4}}}}), UnorderedElementsAre(Pair(7, 1.0)));
}

TEST(AgreedWeights, LetNobodyWithLessThanHalfOfTheStakeStarveOrFeedAMiner) {
  const Weights starved{{2, 0.5}, {3, 0.5}};
  const Weights fed{{9, 1.0}};
  for (const Weights& lie : {starved, fed}) {
    const Weights agreed = agreed_weights({{1, kHonest}, {1, kHonest}, {1.9, lie}});
    EXPECT_NEAR(agreed.at(1), 0.5, 0.1);
    EXPECT_FALSE(agreed.contains(9));
  }
  EXPECT_THAT(agreed_weights({{1, kHonest}, {1, kHonest}, {2.1, fed}}), UnorderedElementsAre(Pair(9, 1.0)));
}

TEST(AgreedWeights, PayNothingThatOnlyHalfOfTheStakeIsFor) {
  const Weights agreed = agreed_weights({{1, {{1, 0.6}, {2, 0.4}}}, {1, {{1, 0.2}, {3, 0.8}}}});
  EXPECT_THAT(agreed, UnorderedElementsAre(Pair(1, 1.0)));
  EXPECT_THAT(agreed_weights({{1, {{1, 1}}}, {1, {{2, 1}}}}), IsEmpty()) << "they agree on nobody";
}

TEST(AgreedWeights, AreTheMedianOfTheStakeAndNotOfTheHeads) {
  const std::vector<StatedWeights> stated{
      {3, {{1, 0.2}, {2, 0.8}}}, {1, {{1, 0.9}, {2, 0.1}}}, {1, {{1, 0.8}, {2, 0.2}}}};
  EXPECT_THAT(agreed_weights(stated), UnorderedElementsAre(Pair(1, DoubleEq(0.2)), Pair(2, DoubleEq(0.8))));
}

TEST(AgreedWeights, CountEachWordByItsStakeWhateverItsSum) {
  const double huge = std::numeric_limits<double>::max();
  const Weights agreed = agreed_weights({{1, kHonest}, {1, kHonest}, {1, {{1, huge}, {2, huge}}}});
  EXPECT_NEAR(agreed.at(1), 0.5, 1e-12);
  EXPECT_NEAR(agreed.at(2), 0.3, 1e-12);
}

TEST(AgreedWeights, HearNobodyWithoutStakeOrWithoutAWord) {
  EXPECT_THAT(agreed_weights({}), IsEmpty());
  EXPECT_THAT(agreed_weights({{0, kHonest}}), IsEmpty());
  EXPECT_THAT(agreed_weights({{1, {{4, 1}}}, {10, {}}, {10, {{1, 0}}}, {0, kHonest}}),
              UnorderedElementsAre(Pair(4, 1.0)));
}

TEST(Agreement, IsThePartOfTheRewardThatGoesTheSameWay) {
  EXPECT_DOUBLE_EQ(agreement(kHonest, kHonest), 1);
  EXPECT_DOUBLE_EQ(agreement(kHonest, {{9, 1}}), 0);
  EXPECT_DOUBLE_EQ(agreement(kHonest, {{1, 8}, {4, 8}}), 0.5);
  EXPECT_DOUBLE_EQ(agreement(kHonest, {}), 0);
  EXPECT_DOUBLE_EQ(agreement({{1, 0}}, kHonest), 0);
}

}  // namespace
}  // namespace templar
