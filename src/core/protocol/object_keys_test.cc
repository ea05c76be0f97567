#include "core/protocol/object_keys.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(ObjectKeys, AreFrozen) {
  EXPECT_EQ(contribution_key(0), "contributions/0000000000");
  EXPECT_EQ(contribution_key(123), "contributions/0000000123");
  EXPECT_EQ(upload_key_key(123), "keys/0000000123");
  EXPECT_EQ(checkpoint_prefix(25), "checkpoints/0000000025/");
  EXPECT_EQ(accepted_contribution_key(25, 7), "accepted/0000000025/7");
  EXPECT_EQ(kValidatorStateKey, "scoreboard.json");
  EXPECT_EQ(kLatestCheckpointKey, "checkpoints/latest");
  EXPECT_EQ(kClockKey, "clock");
}

TEST(ObjectKeys, SortAsWindowsDo) {
  EXPECT_LT(contribution_key(9), contribution_key(10));
  EXPECT_LT(accepted_contribution_key(99, 7), accepted_contribution_key(1000000, 0));
}

TEST(ObjectKeys, GiveTheirWindowBack) {
  for (const int64_t window : {int64_t{0}, int64_t{7}, int64_t{9999999999}}) {
    EXPECT_EQ(window_in_key(kContributionPrefix, contribution_key(window)), window);
    EXPECT_EQ(window_in_key(kUploadKeyPrefix, upload_key_key(window)), window);
    EXPECT_EQ(window_in_key(kAcceptedContributionPrefix, accepted_contribution_key(window, 12)), window);
    EXPECT_EQ(window_in_key(kCheckpointsPrefix, checkpoint_prefix(window) + "manifest.json"), window);
  }
}

TEST(ObjectKeys, HaveNoWindowWhereTheyAreOfAnotherKind) {
  for (const char* key :
       {"", "accepted", "accepted/", "accepted/12", "accepted/00000000012", "accepted/000000001x",
        "accepted/-000000001", "accepted/+000000001", "accepted/ 000000001", "contributions/0000000001",
        "accepted/0000000001.tmp", "xaccepted/0000000001"})
    EXPECT_EQ(window_in_key(kAcceptedContributionPrefix, key), std::nullopt) << key;
  EXPECT_EQ(window_in_key(kCheckpointsPrefix, kLatestCheckpointKey), std::nullopt);
}

}  // namespace
}  // namespace templar
