#include "base/log/log_levels.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"

namespace templar {
namespace {

using testing::fails;

TEST(LogLevels, AreGivenByRoom) {
  EXPECT_EQ(parse_log_levels("info,gather=debug,miner=warn").value(),
            (LogLevels{LogLevel::kInfo, {{"gather", LogLevel::kDebug}, {"miner", LogLevel::kWarning}}}));
  EXPECT_EQ(parse_log_levels("error").value(), (LogLevels{LogLevel::kError, {}}));
  EXPECT_EQ(parse_log_levels(" gather = warning , debug ").value(),
            (LogLevels{LogLevel::kDebug, {{"gather", LogLevel::kWarning}}}));
}

TEST(LogLevels, AreInfoForRoomsThatNobodyNames) {
  EXPECT_EQ(parse_log_levels("gather=debug").value(),
            (LogLevels{LogLevel::kInfo, {{"gather", LogLevel::kDebug}}}));
}

TEST(LogLevels, SayWhichPartIsWrong) {
  const auto refused = [](std::string_view text, std::string_view why) {
    return fails(parse_log_levels(text), ErrorKind::kFatal, std::string(why));
  };
  EXPECT_TRUE(refused("", "a part is empty"));
  EXPECT_TRUE(refused("info,,gather=debug", "a part is empty"));
  EXPECT_TRUE(refused("info,", "a part is empty"));
  EXPECT_TRUE(refused("loud", "'loud' is no level; there are debug, info, warn and error"));
  EXPECT_TRUE(refused("info,gather=loud", "log level 'gather=loud': 'loud' is no level"));
  EXPECT_TRUE(refused("gather=", "'' is no level"));
  EXPECT_TRUE(refused("INFO", "'INFO' is no level"));
  EXPECT_TRUE(refused("=debug", "no room before '='"));
  EXPECT_TRUE(refused("info,debug", "log level 'debug': the level of all rooms is given twice"));
  EXPECT_TRUE(refused("gather=info,gather=debug", "the room 'gather' is given twice"));
}

TEST(LogLevels, HaveSeedsForTheFuzzer) {
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const std::string_view text :
       {"info,gather=debug,miner=warn", " error , x = info", "gather=loud", "="}) {
    const ByteView bytes = as_bytes(text);
    seeds.emplace_back(std::to_string(seeds.size()), Bytes(bytes.begin(), bytes.end()));
  }
  testing::expect_fuzz_corpus("log_levels_fuzz", seeds);
}

}  // namespace
}  // namespace templar
