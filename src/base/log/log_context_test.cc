#include "base/log/log_context.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/captured_logs.h"

namespace templar {
namespace {

using testing::CapturedLogs;

TEST(LogContext, GivesEveryEventItsFields) {
  const CapturedLogs logs;
  log(LogLevel::kInfo, "miner", "before");
  {
    const LogContext scope({{"uid", 3}, {"window", 12}});
    log(LogLevel::kInfo, "miner", "within", {{"loss", 1.5}});
  }
  log(LogLevel::kInfo, "miner", "after");
  EXPECT_EQ(logs.text(), "miner: before\nminer: within loss=1.5 uid=3 window=12\nminer: after\n");
}

TEST(LogContext, LeavesFieldsThatTheCallNamesAsTheyAre) {
  const CapturedLogs logs;
  const LogContext scope({{"uid", 3}, {"window", 12}});
  log(LogLevel::kInfo, "miner", "fact", {{"window", 11}});
  EXPECT_EQ(logs.text(), "miner: fact window=11 uid=3\n");
}

TEST(LogContext, LetsTheInnerOneCount) {
  const CapturedLogs logs;
  const LogContext node({{"uid", 3}, {"window", 12}});
  {
    const LogContext window({{"window", 13}});
    log(LogLevel::kInfo, "miner", "inner");
  }
  log(LogLevel::kInfo, "miner", "outer");
  EXPECT_EQ(logs.text(), "miner: inner window=13 uid=3\nminer: outer uid=3 window=12\n");
}

TEST(LogContext, BelongsToItsThreadAndCanBeHandedOn) {
  const CapturedLogs logs;
  const LogContext scope({{"uid", 3}});
  std::thread([] { log(LogLevel::kInfo, "other", "alone"); }).join();
  std::thread([handed_on = current_log_context()] {
    const LogContext same(handed_on);
    log(LogLevel::kInfo, "other", "for the node");
  }).join();
  EXPECT_EQ(logs.text(), "other: alone\nother: for the node uid=3\n");
}

TEST(LogContext, IsKeptApartWhereThreadsTakeTurnsWithNodes) {
  const CapturedLogs logs;
  const auto advance = [](int uid) {
    const LogContext scope({{"uid", uid}});
    for (int i = 0; i < 100; ++i) log(LogLevel::kInfo, "miner", "fact", {{"own", uid}});
  };
  std::thread one([&] {
    for (const int uid : {1, 2}) advance(uid);
  });
  std::thread two([&] {
    for (const int uid : {3, 1}) advance(uid);
  });
  one.join();
  two.join();
  ASSERT_EQ(logs.events().size(), 400u);
  for (const LogEvent& event : logs.events()) EXPECT_EQ(event.fields.at(0).value, event.fields.at(1).value);
}

}  // namespace
}  // namespace templar
