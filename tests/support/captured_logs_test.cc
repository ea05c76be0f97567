#include "support/captured_logs.h"

#include <gtest/gtest.h>

#include <thread>

namespace templar::testing {
namespace {

TEST(CapturedLogsFixture, HoldsWhatWasSaidWithItsFields) {
  const CapturedLogs logs;
  log(LogLevel::kInfo, "gather", "window closed", {{"window", 7}, {"loss", 1.5}, {"peer", "a"}});
  log(LogLevel::kWarning, "gather", "peer rejected", {{"uid", 3}});
  log(LogLevel::kInfo, "gather", "window closed", {{"window", 8}});
  EXPECT_EQ(logs.events().size(), 3u);
  EXPECT_EQ(logs.count("window closed"), 2u);
  EXPECT_EQ(logs.count("window"), 0u);
  EXPECT_EQ(logs.field("window closed", "window"), "8");
  EXPECT_EQ(logs.field("peer rejected", "uid"), "3");
  EXPECT_EQ(logs.field("peer rejected", "name"), "");
  EXPECT_EQ(logs.field("nothing", "uid"), "");
  EXPECT_EQ(logs.events()[1].level, LogLevel::kWarning);
  EXPECT_NE(logs.text().find("gather: peer rejected uid=3"), std::string::npos);
}

TEST(CapturedLogsFixture, PutsTheSinkBeforeItBackAtItsEnd) {
  const CapturedLogs outer;
  {
    const CapturedLogs inner;
    log(LogLevel::kInfo, "test", "inside");
    EXPECT_EQ(inner.count("inside"), 1u);
  }
  log(LogLevel::kInfo, "test", "outside");
  EXPECT_EQ(outer.count("inside"), 0u);
  EXPECT_EQ(outer.count("outside"), 1u);
}

TEST(CapturedLogsFixture, ListensToAllThreads) {
  const CapturedLogs logs;
  std::vector<std::jthread> speakers;
  for (int i = 0; i < 4; ++i) {
    speakers.emplace_back([] {
      for (int j = 0; j < 100; ++j) log(LogLevel::kInfo, "test", "said");
    });
  }
  speakers.clear();
  EXPECT_EQ(logs.count("said"), 400u);
}

}  // namespace
}  // namespace templar::testing
