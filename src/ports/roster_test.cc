#include "ports/roster.h"

#include <gtest/gtest.h>

#include "support/test_key.h"

namespace templar::testing {
namespace {

Registration node(uint32_t uid, NodeRole role, double stake) {
  return {.uid = uid, .role = role, .key = test_key(uid).public_key(), .bucket = "bucket", .stake = stake};
}

TEST(Leader, IsTheValidatorWithTheMostStake) {
  const std::vector<Registration> roster = {node(0, NodeRole::kMiner, 9), node(1, NodeRole::kValidator, 3),
                                            node(4, NodeRole::kValidator, 5),
                                            node(6, NodeRole::kEvaluator, 7)};
  EXPECT_EQ(most_staked_validator(roster).value().uid, 4u);
}

TEST(Leader, IsTheLowestUidOfThoseWithEqualStake) {
  const std::vector<Registration> roster = {node(2, NodeRole::kValidator, 0),
                                            node(3, NodeRole::kValidator, 0)};
  EXPECT_EQ(most_staked_validator(roster).value().uid, 2u);
}

TEST(Leader, IsNobodyWhereNobodyValidates) {
  EXPECT_FALSE(most_staked_validator({}));
  EXPECT_FALSE(most_staked_validator(std::vector{node(0, NodeRole::kMiner, 9)}));
}

TEST(Roster, FindsNodesByUidAndKey) {
  const std::vector<Registration> roster = {node(0, NodeRole::kMiner, 0), node(5, NodeRole::kMiner, 0)};
  EXPECT_EQ(find_uid(roster, 5), &roster[1]);
  EXPECT_EQ(find_uid(roster, 1), nullptr);
  EXPECT_EQ(uid_of(roster, test_key(5).public_key()), 5u);
  EXPECT_EQ(uid_of(roster, test_key(1).public_key()), std::nullopt);
}

TEST(Roster, ListsTheMinersUids) {
  const std::vector<Registration> roster = {node(0, NodeRole::kValidator, 1), node(1, NodeRole::kMiner, 0),
                                            node(2, NodeRole::kEvaluator, 0), node(5, NodeRole::kMiner, 0)};
  EXPECT_EQ(miner_uids(roster), (std::vector<uint32_t>{1, 5}));
}

}  // namespace
}  // namespace templar::testing
