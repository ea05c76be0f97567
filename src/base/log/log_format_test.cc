#include "base/log/log_format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_failure.h"

namespace templar {
namespace {

// 1767225600 s is 2026-01-01 00:00 UTC.
constexpr TimestampMs kTime = 1767225600000 + 3723004;

LogEvent event_with(std::vector<LogField> fields) {
  return {LogLevel::kWarning, "miner", "fact", std::move(fields), kTime};
}

TEST(LogLine, IsTextWithTimeAndLevel) {
  EXPECT_EQ(text_log_line(event_with({{"uid", 3}})), "2026-01-01T01:02:03.004Z W miner: fact uid=3");
}

TEST(LogLine, IsJsonWithAllThatTheEventHas) {
  EXPECT_EQ(
      json_log_line(event_with({{"uid", 3}, {"window", int64_t{1} << 62}, {"loss", 0.1}, {"why", "late"}})),
      R"({"time":"2026-01-01T01:02:03.004Z","level":"warning","room":"miner","message":"fact","fields":)"
      R"({"uid":3,"window":4611686018427387904,"loss":0.1,"why":"late"}})");
}

TEST(LogLine, IsJsonWithoutFields) {
  EXPECT_EQ(
      json_log_line(event_with({})),
      R"({"time":"2026-01-01T01:02:03.004Z","level":"warning","room":"miner","message":"fact","fields":{}})");
}

std::string fields_of(std::vector<LogField> fields) {
  const std::string json = json_log_line(event_with(std::move(fields)));
  return json.substr(json.find("\"fields\":") + 9);
}

TEST(LogLine, EscapesWhatJsonDoesNotTake) {
  EXPECT_EQ(fields_of({{"a\"b", "\\ \" \n \t \x01 \x7f \xf0\x9f\x90\x8d"}}),
            "{\"a\\\"b\":\"\\\\ \\\" \\n \\u0009 \\u0001 \\u007f \xf0\x9f\x90\x8d\"}}");
  EXPECT_EQ(fields_of({{"a", std::string("x\0y", 3)}}), R"({"a":"x\u0000y"}})");
}

TEST(LogLine, ReplacesBytesThatAreNoText) {
  // A byte alone, an end that is missing, a surrogate, an overlong slash, a number beyond Unicode.
  for (const std::string bad : {"\xff", "\xe2\x82", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80"}) {
    std::string replaced;
    for (size_t i = 0; i < bad.size(); ++i) replaced += "\\ufffd";
    EXPECT_EQ(fields_of({{"a", bad}}), "{\"a\":\"" + replaced + "\"}}");
  }
}

TEST(LogLine, HasNoNumbersThatJsonDoesNotKnow) {
  EXPECT_EQ(fields_of({{"a", std::nan("")}, {"b", HUGE_VAL}, {"c", 1e300}}),
            R"({"a":null,"b":null,"c":1e+300}})");
}

TEST(LogLine, KeepsTheFirstOfTwoFieldsWithOneName) {
  EXPECT_EQ(fields_of({{"a", 1}, {"a", 2}, {"b", 3}}), R"({"a":1,"b":3}})");
}

TEST(LogLine, TakesTimesBeforeAnyRun) {
  LogEvent event = event_with({});
  event.time_ms = -1;
  EXPECT_TRUE(text_log_line(event).starts_with("1969-12-31T23:59:59.999Z ")) << text_log_line(event);
}

TEST(LogFormat, KeepsAnEventInOneLine) {
  const LogEvent event{LogLevel::kInfo, "gather", "bad peer", {{"reason", "x\n12:00:00 E forged\x1b[2J"}}};
  EXPECT_EQ(format_log_event(event), "gather: bad peer reason=x\\n12:00:00 E forged\\x1b[2J");
}

TEST(LogFormat, NamesRoomMessageAndFields) {
  const LogEvent event{LogLevel::kInfo, "miner", "in sync", {{"uid", 7}, {"loss", 1.25}, {"root", "ab12"}}};
  EXPECT_EQ(format_log_event(event), "miner: in sync uid=7 loss=1.25 root=ab12");
}

TEST(LogFormatName, IsTextOrJson) {
  EXPECT_EQ(parse_log_format("text").value(), LogFormat::kText);
  EXPECT_EQ(parse_log_format("json").value(), LogFormat::kJson);
  EXPECT_TRUE(
      testing::fails(parse_log_format("xml"), ErrorKind::kFatal, "log format 'xml': it is text or json"));
}

}  // namespace
}  // namespace templar
