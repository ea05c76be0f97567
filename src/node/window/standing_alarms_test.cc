#include "node/window/standing_alarms.h"

#include <gtest/gtest.h>

#include "base/files/file.h"
#include "support/captured_logs.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

const StandingAlarm kNull{.kind = AlarmKind::kNullRounds, .window = 4, .reason = "no \"outer\" step"};
const StandingAlarm kDisk{.kind = AlarmKind::kDiskLow, .window = 9, .reason = "3 MB are free"};

class StandingAlarmsTest : public ::testing::Test {
 protected:
  const CapturedLogs logs_;
  const TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_ / "alarms.json";
};

TEST_F(StandingAlarmsTest, StandOverARestart) {
  {
    const auto alarms = StandingAlarms::open(file_);
    EXPECT_TRUE(alarms->all().empty());
    EXPECT_EQ(alarms->begin(kNull), 4);
    EXPECT_EQ(alarms->begin(kDisk), 9);
  }
  const auto alarms = StandingAlarms::open(file_);
  EXPECT_EQ(alarms->all(), (std::vector{kNull, kDisk}));
  EXPECT_EQ(alarms->end(AlarmKind::kNullRounds), kNull);
  EXPECT_EQ(StandingAlarms::open(file_)->all(), std::vector{kDisk});
}

TEST_F(StandingAlarmsTest, KeepTheWindowSinceWhichTheyStandAndTakeTheNewReason) {
  StandingAlarms alarms;
  alarms.begin(kNull);
  EXPECT_EQ(alarms.begin({.kind = AlarmKind::kNullRounds, .window = 7, .reason = "still"}), 4);
  EXPECT_EQ(alarms.find(AlarmKind::kNullRounds)->window, 4);
  EXPECT_EQ(alarms.find(AlarmKind::kNullRounds)->reason, "still");
  EXPECT_EQ(alarms.find(AlarmKind::kDiskLow), std::nullopt);
  EXPECT_EQ(alarms.end(AlarmKind::kDiskLow), std::nullopt);
}

TEST_F(StandingAlarmsTest, TellWhoListensOfEachChangeAndOfNothingElse) {
  StandingAlarms alarms;
  int changes = 0;
  alarms.listen([&] { ++changes; });
  alarms.begin(kNull);
  alarms.begin(kNull);
  EXPECT_EQ(changes, 1) << "the same again is no change";
  alarms.end(AlarmKind::kNullRounds);
  alarms.end(AlarmKind::kNullRounds);
  EXPECT_EQ(changes, 2);
  alarms.listen({});
  alarms.begin(kNull);
  EXPECT_EQ(changes, 2);
}

TEST_F(StandingAlarmsTest, PassOverAFileThatCannotBeReadAndKindsThatAreUnknown) {
  ASSERT_TRUE(write_file_atomically(file_, "{\"standing\": ["));
  EXPECT_TRUE(StandingAlarms::open(file_)->all().empty());
  EXPECT_EQ(logs_.count("what stood before can't be read: none stands"), 1u);
  ASSERT_TRUE(
      write_file_atomically(file_, R"({"standing": [{"kind": "of_tomorrow", "window": 1, "reason": ""},
                              {"kind": "disk_low", "window": 9, "reason": "3 MB are free"}]})"));
  EXPECT_EQ(StandingAlarms::open(file_)->all(), std::vector{kDisk});
}

TEST_F(StandingAlarmsTest, StayInMemoryWhereTheyCannotBeWrittenWhichTheLogSaysOnce) {
  const auto alarms = StandingAlarms::open(folder_ / "missing" / "alarms.json");
  alarms->begin(kNull);
  alarms->begin(kDisk);
  EXPECT_EQ(alarms->all().size(), 2u);
  EXPECT_EQ(logs_.count("which alarms stand can't be kept: after a restart they are said again"), 1u);
}

}  // namespace
}  // namespace templar::testing
