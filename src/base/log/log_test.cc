#include "base/log/log.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "base/log/log_format.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

class Log : public ::testing::Test {
 protected:
  void SetUp() override {
    previous_ = set_log_sink([this](const LogEvent& event) { events_.push_back(event); });
  }
  void TearDown() override {
    set_log_levels({.lowest = LogLevel::kInfo, .rooms = {}});
    set_log_sink(std::move(previous_));
  }

  std::vector<LogEvent> events_;
  LogSink previous_;
};

TEST_F(Log, HandsEventsWithTheirFieldsToTheSink) {
  log(LogLevel::kWarning, "gather", "peer rejected", {{"uid", 3u}, {"share", 0.5}, {"reason", "too late"}});
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].level, LogLevel::kWarning);
  EXPECT_EQ(events_[0].room, "gather");
  ASSERT_EQ(events_[0].fields.size(), 3u);
  EXPECT_EQ(std::get<int64_t>(events_[0].fields[0].value), 3);
  EXPECT_EQ(std::get<double>(events_[0].fields[1].value), 0.5);
  EXPECT_EQ(std::get<std::string>(events_[0].fields[2].value), "too late");
}

TEST_F(Log, KeepsQuietBelowTheLowestLevel) {
  log(LogLevel::kDebug, "room", "debug");
  EXPECT_TRUE(events_.empty());
  set_log_levels({.lowest = LogLevel::kDebug, .rooms = {}});
  log(LogLevel::kDebug, "room", "debug");
  EXPECT_EQ(events_.size(), 1u);
  set_log_levels({.lowest = LogLevel::kError, .rooms = {}});
  log(LogLevel::kWarning, "room", "warning");
  log(LogLevel::kError, "room", "error");
  ASSERT_EQ(events_.size(), 2u);
  EXPECT_EQ(events_[1].message, "error");
}

TEST_F(Log, GivesBackTheSinkThatWasInPlace) {
  int others = 0;
  const LogSink ours = set_log_sink([&](const LogEvent&) { ++others; });
  log(LogLevel::kInfo, "room", "to the other");
  EXPECT_EQ(others, 1);
  EXPECT_TRUE(events_.empty());
  set_log_sink(ours);
  log(LogLevel::kInfo, "room", "to us");
  EXPECT_EQ(events_.size(), 1u);
}

// A sink may speak itself, and may take itself away, without a lock held against it.
TEST_F(Log, CallsTheSinkWithoutHoldingIt) {
  int calls = 0;
  set_log_sink([&](const LogEvent&) {
    if (++calls == 1) log(LogLevel::kInfo, "sink", "speaks itself");
    set_log_sink([](const LogEvent&) {});
  });
  log(LogLevel::kInfo, "room", "first");
  EXPECT_EQ(calls, 2);
}

TEST_F(Log, KeepsEachRoomFromItsOwnLevelOn) {
  set_log_levels(
      {.lowest = LogLevel::kInfo, .rooms = {{"gather", LogLevel::kDebug}, {"miner", LogLevel::kWarning}}});
  for (const char* room : {"gather", "miner", "validator"}) {
    for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning})
      log(level, room, "fact");
  }
  std::vector<std::string> kept;
  for (const LogEvent& event : events_) kept.push_back(event.room + " " + std::string(name_of(event.level)));
  EXPECT_EQ(kept, (std::vector<std::string>{"gather debug", "gather info", "gather warning", "miner warning",
                                            "validator info", "validator warning"}));
}

TEST_F(Log, StampsEachEventWithTheTime) {
  const TimestampMs before = SystemClock().now_ms();
  log(LogLevel::kInfo, "room", "fact");
  EXPECT_GE(events_.at(0).time_ms, before);
  EXPECT_LE(events_.at(0).time_ms, SystemClock().now_ms());
}

TEST_F(Log, CountsWhatWasSaidByLevel) {
  const LogCounts before = log_counts();
  log(LogLevel::kDebug, "room", "kept by nobody");
  log(LogLevel::kInfo, "room", "fact");
  log(LogLevel::kError, "room", "fault");
  log(LogLevel::kError, "room", "fault");
  const LogCounts after = log_counts();
  EXPECT_EQ(after.by_level[0], before.by_level[0]);
  EXPECT_EQ(after.by_level[1], before.by_level[1] + 1);
  EXPECT_EQ(after.by_level[3], before.by_level[3] + 2);
  EXPECT_EQ(after.unwritten, before.unwritten);
}

TEST_F(Log, CountsASinkThatThrowsAndReturnsToTheCaller) {
  const uint64_t before = log_counts().unwritten;
  set_log_sink([](const LogEvent&) { throw std::runtime_error("the disk is full"); });
  log(LogLevel::kInfo, "room", "fact");
  EXPECT_EQ(log_counts().unwritten, before + 1);
}

TEST_F(Log, ShowsNoSinkASecret) {
  register_secret("log-test-hunter2");
  log(LogLevel::kInfo, "room", "signed in with log-test-hunter2",
      {{"reason", "bad key log-test-hunter2!"}, {"token", "abc"}});
  EXPECT_EQ(format_log_event(events_.at(0)),
            "room: signed in with <secret> reason=bad key <secret>! token=<secret>");
}

}  // namespace
}  // namespace templar
