#include "core/scoring/score_reason.h"

#include <gtest/gtest.h>

#include <set>

namespace templar {
namespace {

TEST(ScoreReason, HasANameOfItsOwnEach) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ScoreReason::kSmallScore); ++i)
    EXPECT_TRUE(names.insert(reason_name(static_cast<ScoreReason>(i))).second);
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(reason_name(ScoreReason::kNewMiner), "new_miner");
  EXPECT_EQ(reason_name(ScoreReason::kSmallScore), "small_score");
}

TEST(ScoreReason, TellsPenaltiesFromTheScoringsOwnCourse) {
  EXPECT_EQ(reason_kind(ScoreReason::kRated), ReasonKind::kStep);
  EXPECT_EQ(reason_kind(ScoreReason::kReturned), ReasonKind::kStep);
  EXPECT_EQ(reason_kind(ScoreReason::kIndexOverlap), ReasonKind::kPenalty);
  EXPECT_EQ(reason_kind(ScoreReason::kExcluded), ReasonKind::kPenalty);
  EXPECT_EQ(reason_kind(ScoreReason::kMissing), ReasonKind::kAbsence);
  EXPECT_EQ(reason_kind(ScoreReason::kInactive), ReasonKind::kAbsence);
}

}  // namespace
}  // namespace templar
