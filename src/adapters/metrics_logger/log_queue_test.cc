#include "adapters/metrics_logger/log_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

LoggedMeasurement named(const std::string& name) {
  return {.measurement = {.name = name, .tags = {}, .fields = {}}};
}

// What push hands back; "!" where the oldest was dropped.
std::string push(LogQueue& queue, const std::string& name) {
  LoggedMeasurement added = named(name);
  const bool has_room = queue.push(added);
  return added.measurement.name + (has_room ? "" : "!");
}

std::vector<std::string> drain(LogQueue& queue) {
  std::vector<std::string> names;
  queue.drain([&](const LoggedMeasurement& logged) { names.push_back(logged.measurement.name); });
  return names;
}

}  // namespace

TEST(LogQueue, GivesWhatWasAddedInItsOrderAndOnce) {
  LogQueue queue(3);
  push(queue, "a");
  push(queue, "b");
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_THAT(drain(queue), ElementsAre("a", "b"));
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_THAT(drain(queue), ElementsAre());
}

TEST(LogQueue, DropsTheOldestWhereItIsFull) {
  LogQueue queue(3);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(push(queue, name), "");
  EXPECT_EQ(push(queue, "d"), "a!");
  EXPECT_EQ(push(queue, "e"), "b!");
  EXPECT_THAT(drain(queue), ElementsAre("c", "d", "e"));
}

TEST(LogQueue, HandsBackWhatHadThePlaceBefore) {
  LogQueue queue(3);
  for (const char* name : {"a", "b", "c", "d"}) push(queue, name);
  drain(queue);
  EXPECT_EQ(push(queue, "e"), "d") << "visited, so nothing was dropped";
  EXPECT_EQ(push(queue, "f"), "b");
  EXPECT_THAT(drain(queue), ElementsAre("e", "f"));
}

TEST(LogQueue, ChangesPlacesWithAnotherWhole) {
  LogQueue full(2);
  LogQueue empty(2);
  for (const char* name : {"a", "b", "c"}) push(full, name);
  full.swap(empty);
  EXPECT_EQ(full.size(), 0u);
  EXPECT_THAT(drain(empty), ElementsAre("b", "c"));
}

}  // namespace templar::testing
