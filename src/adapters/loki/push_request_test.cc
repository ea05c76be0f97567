#include "adapters/loki/push_request.h"

#include <gtest/gtest.h>

#include "support/json_values.h"

namespace templar {
namespace {

LogEvent event_of(int uid) {
  return {LogLevel::kInfo, "miner", "fact", {{"uid", uid}, {"window", 7}, {"role", "miner"}}, 0};
}

TEST(LokiStreams, AreNamedByWhoSpeaksAndNeverByTheWindow) {
  LokiStreams streams({{"run", "r"}}, 10);
  EXPECT_EQ(
      streams.labels_of(event_of(3)),
      (LokiLabels{{"level", "info"}, {"role", "miner"}, {"room", "miner"}, {"run", "r"}, {"uid", "3"}}));
}

TEST(LokiStreams, StayFew) {
  LokiStreams streams({}, 2);
  const LokiLabels first = streams.labels_of(event_of(1));
  static_cast<void>(streams.labels_of(event_of(2)));
  EXPECT_EQ(streams.labels_of(event_of(3)), (LokiLabels{{"level", "info"}, {"room", "other"}}));
  EXPECT_EQ(streams.labels_of(event_of(1)), first);
}

TEST(PushRequest, IsJsonWhateverWasSaid) {
  LokiStreams streams({}, 10);
  const LokiEntry entry{.event = {LogLevel::kInfo, "a\xff\"", "\xf0\x9f\x90\x8d\n\\", {{"role", "\xfe"}}, 0},
                        .time_ns = 5};
  const auto request = testing::parsed_json(push_request({&entry, 1}, streams));
  EXPECT_EQ(request.at("streams").at(0).at("stream").at("room"), "a\xef\xbf\xbd\"");
  EXPECT_EQ(request.at("streams").at(0).at("values").at(0).at(0), "5");
  EXPECT_EQ(
      testing::parsed_json(testing::as<std::string>(request.at("streams").at(0).at("values").at(0).at(1)))
          .at("message"),
      "\xf0\x9f\x90\x8d\n\\");
}

TEST(LabelName, IsLettersDigitsAndUnderscores) {
  for (const char* name : {"run", "_a1", "A"}) EXPECT_TRUE(is_label_name(name)) << name;
  for (const char* name : {"", "1a", "a-b", "a b", "\xc3\xa4"}) EXPECT_FALSE(is_label_name(name)) << name;
}

}  // namespace
}  // namespace templar
