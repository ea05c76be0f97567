#include "adapters/metrics_logger/measurement_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace templar::testing {
namespace {

using ::testing::ElementsAre;

Measurement named(const std::string& name) {
  return {.name = name, .tags = {}, .fields = {}};
}

// What push hands back; "!" where the oldest was dropped.
std::string push(MeasurementQueue& queue, const std::string& name) {
  Measurement added = named(name);
  const bool has_room = queue.push(added);
  return added.name + (has_room ? "" : "!");
}

std::vector<std::string> drain(MeasurementQueue& queue) {
  std::vector<std::string> names;
  queue.drain([&](const Measurement& measurement) { names.push_back(measurement.name); });
  return names;
}

}  // namespace

TEST(MeasurementQueue, GivesWhatWasAddedInItsOrderAndOnce) {
  MeasurementQueue queue(3);
  push(queue, "a");
  push(queue, "b");
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_THAT(drain(queue), ElementsAre("a", "b"));
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_THAT(drain(queue), ElementsAre());
}

TEST(MeasurementQueue, DropsTheOldestWhereItIsFull) {
  MeasurementQueue queue(3);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(push(queue, name), "");
  EXPECT_EQ(push(queue, "d"), "a!");
  EXPECT_EQ(push(queue, "e"), "b!");
  EXPECT_THAT(drain(queue), ElementsAre("c", "d", "e"));
}

TEST(MeasurementQueue, HandsBackWhatHadThePlaceBefore) {
  MeasurementQueue queue(3);
  for (const char* name : {"a", "b", "c", "d"}) push(queue, name);
  drain(queue);
  EXPECT_EQ(push(queue, "e"), "d") << "visited, so nothing was dropped";
  EXPECT_EQ(push(queue, "f"), "b");
  EXPECT_THAT(drain(queue), ElementsAre("e", "f"));
}

TEST(MeasurementQueue, ChangesPlacesWithAnotherWhole) {
  MeasurementQueue full(2);
  MeasurementQueue empty(2);
  for (const char* name : {"a", "b", "c"}) push(full, name);
  full.swap(empty);
  EXPECT_EQ(full.size(), 0u);
  EXPECT_THAT(drain(empty), ElementsAre("b", "c"));
}

}  // namespace templar::testing
