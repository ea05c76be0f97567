#include "sim/faults/event_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace templar::testing {
namespace {

TEST(EventQueue, LetsEventsHappenInTheOrderOfTheirMoments) {
  EventQueue events;
  std::vector<std::string> happened;
  const auto says = [&](const std::string& name) {
    return [&, name] { happened.push_back(name + std::to_string(events.now_ms())); };
  };
  events.at(20, says("b"));
  events.at(10, says("a"));
  events.at(20, says("c"));
  while (events.step()) continue;
  EXPECT_EQ(happened, (std::vector<std::string>{"a10", "b20", "c20"}));
  EXPECT_EQ(events.now_ms(), 20);
}

TEST(EventQueue, TakesEventsThatAnEventAsksForAndNoneOfThePast) {
  EventQueue events;
  std::vector<TimestampMs> happened;
  events.at(10, [&] {
    events.after(5, [&] { happened.push_back(events.now_ms()); });
    events.at(3, [&] { happened.push_back(events.now_ms()); });
  });
  while (events.step()) continue;
  EXPECT_EQ(happened, (std::vector<TimestampMs>{10, 15}));
}

}  // namespace
}  // namespace templar::testing
