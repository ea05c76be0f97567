#include "base/log.h"

#include <gtest/gtest.h>

#include <vector>

namespace templar {
namespace {

class Log : public ::testing::Test {
 protected:
  void SetUp() override {
    previous_ = set_log_sink([this](const LogEvent& event) { events_.push_back(event); });
  }
  void TearDown() override {
    set_log_level(LogLevel::kInfo);
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
  set_log_level(LogLevel::kDebug);
  log(LogLevel::kDebug, "room", "debug");
  EXPECT_EQ(events_.size(), 1u);
  set_log_level(LogLevel::kError);
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

TEST(LogFormat, NamesRoomMessageAndFields) {
  const LogEvent event{LogLevel::kInfo, "miner", "in sync", {{"uid", 7}, {"loss", 1.25}, {"root", "ab12"}}};
  EXPECT_EQ(format_log_event(event), "miner: in sync uid=7 loss=1.25 root=ab12");
}

}  // namespace
}  // namespace templar
