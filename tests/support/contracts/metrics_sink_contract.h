// What every metrics sink must do. An implementation's test gives a harness and instantiates the suite:
//
//   struct MemoryHarness {
//     MetricsSink& sink();
//     std::vector<Measurement> written();  // what has arrived where the sink writes, in its order there
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Memory, MetricsSinkContract, MemoryHarness);
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "ports/metrics_sink.h"

namespace templar::testing {

template <typename Harness>
class MetricsSinkContract : public ::testing::Test {
 protected:
  Harness harness_;
};

TYPED_TEST_SUITE_P(MetricsSinkContract);

TYPED_TEST_P(MetricsSinkContract, KeepsEveryTypeOfField) {
  const Measurement measurement{
      .name = "training_step_v2",
      .tags = {{"uid", "3"}, {"role", "miner"}, {"config_name", "a \"quoted\" \\ name\nand a line"}},
      .fields = {{"integer", int64_t{5}},
                 {"large", std::numeric_limits<int64_t>::max()},
                 {"small", std::numeric_limits<int64_t>::min()},
                 {"float", 0.1},
                 {"whole_float", 5.0},
                 {"tiny", 5e-324},
                 {"text", std::string("words, \xc3\xa4 and a \x01")}},
      .time_ns = 1784800000123456789};
  this->harness_.sink().write(measurement);
  this->harness_.sink().write({.name = "empty", .tags = {}, .fields = {}, .time_ns = -1});
  this->harness_.sink().flush();
  EXPECT_THAT(this->harness_.written(),
              ::testing::ElementsAre(measurement, ::testing::Field(&Measurement::name, "empty")));
  EXPECT_EQ(this->harness_.sink().dropped(), 0u);
}

TYPED_TEST_P(MetricsSinkContract, KeepsTheOrderOfEachThread) {
  constexpr int64_t kThreads = 4;
  constexpr int64_t kRounds = 200;
  std::vector<std::thread> threads;
  for (int64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int64_t round = 0; round < kRounds; ++round) {
        this->harness_.sink().write(
            {.name = "n", .tags = {{"thread", std::to_string(thread)}}, .fields = {{"round", round}}});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  this->harness_.sink().flush();
  std::map<std::string, int64_t> next;
  for (const Measurement& measurement : this->harness_.written()) {
    EXPECT_EQ(std::get<int64_t>(measurement.fields.at("round")), next[measurement.tags.at("thread")]++);
  }
  for (int64_t thread = 0; thread < kThreads; ++thread) EXPECT_EQ(next[std::to_string(thread)], kRounds);
  EXPECT_EQ(this->harness_.sink().dropped(), 0u);
}

REGISTER_TYPED_TEST_SUITE_P(MetricsSinkContract, KeepsEveryTypeOfField, KeepsTheOrderOfEachThread);

}  // namespace templar::testing
