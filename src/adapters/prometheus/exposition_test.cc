#include "adapters/prometheus/exposition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

namespace templar {
namespace {

Measurement measured(std::map<std::string, MetricValue> fields,
                     std::map<std::string, std::string> tags = {}) {
  return {.name = "training_step_v2", .tags = std::move(tags), .fields = std::move(fields)};
}

TEST(Exposition, ServesTheNewestNumberOfEachSeries) {
  Exposition exposition;
  exposition.observe(measured({{"loss", 3.5}, {"window", int64_t{7}}, {"state_root", "ab"}},
                              {{"uid", "1"}, {"role", "miner"}}));
  exposition.observe(measured({{"loss", 3.25}}, {{"uid", "1"}, {"role", "miner"}}));
  exposition.observe(measured({{"loss", 4.5}}, {{"uid", "2"}, {"role", "miner"}}));
  EXPECT_EQ(exposition.text(),
            "# HELP templar_training_step_v2_loss Newest loss of the measurement training_step_v2.\n"
            "# TYPE templar_training_step_v2_loss gauge\n"
            "templar_training_step_v2_loss{role=\"miner\",uid=\"1\"} 3.25\n"
            "templar_training_step_v2_loss{role=\"miner\",uid=\"2\"} 4.5\n"
            "# HELP templar_training_step_v2_window Newest window of the measurement training_step_v2.\n"
            "# TYPE templar_training_step_v2_window gauge\n"
            "templar_training_step_v2_window{role=\"miner\",uid=\"1\"} 7\n");
  EXPECT_EQ(exposition.series(), 3u);
}

// The lines of a metric, without its HELP and TYPE.
std::string values_of(const Measurement& measurement) {
  Exposition exposition;
  exposition.observe(measurement);
  const std::string text = exposition.text();
  std::string values;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (text[at] != '#') values += text.substr(at, end + 1 - at);
    at = end + 1;
  }
  return values;
}

TEST(Exposition, WritesNumbersAsPrometheusReadsThem) {
  EXPECT_EQ(values_of(measured({{"a", int64_t{INT64_MIN}},
                                {"b", 1e-300},
                                {"c", std::nan("")},
                                {"d", HUGE_VAL},
                                {"e", -HUGE_VAL}})),
            "templar_training_step_v2_a -9223372036854775808\ntemplar_training_step_v2_b "
            "1e-300\ntemplar_training_step_v2_c NaN\n"
            "templar_training_step_v2_d +Inf\ntemplar_training_step_v2_e -Inf\n");
}

TEST(Exposition, CleansNamesAndEscapesValues) {
  EXPECT_EQ(values_of({.name = "a b-\xc3\xa4",
                       .tags = {{"1st.tag", "\"x\\y\nz\xff"}, {"__own", "\xf0\x9f\x90\x8d"}, {"", "e"}},
                       .fields = {{"f{}", 1.5}}}),
            "templar_a_b____f__{tag_=\"e\",tag_1st_tag=\"\\\"x\\\\y\\nz\xef\xbf\xbd\",tag___own="
            "\"\xf0\x9f\x90\x8d\"} 1.5\n");
}

TEST(Exposition, KeepsOneOfTwoThatHaveTheSameName) {
  EXPECT_EQ(values_of(measured({{"a.b", 1.5}, {"a_b", 2.5}}, {{"t.t", "x"}, {"t_t", "y"}})),
            "templar_training_step_v2_a_b{t_t=\"y\"} 2.5\n");
}

TEST(Exposition, FollowsTheConventionsForUnitsAndEndings) {
  EXPECT_EQ(values_of(measured({{"load_s", 2.5},
                                {"train_start_ms", int64_t{1767225600500}},
                                {"gpu_count", int64_t{1}},
                                {"x_total", int64_t{2}}})),
            "templar_training_step_v2_gpu_count_value 1\ntemplar_training_step_v2_load_seconds 2.5\n"
            "templar_training_step_v2_train_start_seconds "
            "1767225600.5\ntemplar_training_step_v2_x_total_value 2\n");
}

TEST(Exposition, NamesNoKindOfMetric) {
  EXPECT_EQ(
      values_of(
          {.name = "benchmark_summary", .tags = {}, .fields = {{"gauge", 1.5}, {"summary_x_counters", 2.5}}}),
      "templar_benchmark_summaries_gauges 1.5\ntemplar_benchmark_summaries_summaries_x_counters 2.5\n");
}

TEST(Exposition, LeavesOutTagsWithoutEnd) {
  EXPECT_EQ(
      values_of(measured(
          {{"loss", 1.5}},
          {{"window", "7"}, {"global_step", "8"}, {"config_lr", "1"}, {"runtime_id", "x"}, {"task", "arc"}})),
      "templar_training_step_v2_loss{task=\"arc\"} 1.5\n");
}

TEST(Exposition, HasRoomForSoManySeriesAndCountsTheOthers) {
  Exposition exposition({.max_series = 3});
  for (int round = 0; round < 2; ++round) {
    for (const char* uid : {"1", "2"})
      exposition.observe(measured({{"a", 1.5}, {"b", double(round)}}, {{"uid", uid}}));
  }
  EXPECT_EQ(exposition.series(), 3u);
  EXPECT_EQ(exposition.left_out(), 2u);
  EXPECT_NE(exposition.text().find("_b{uid=\"1\"} 1\n"), std::string::npos) << "what has a place goes on";
}

TEST(Exposition, MayBeReadWhileOthersObserve) {
  Exposition exposition;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i)
        exposition.observe(measured({{"n", int64_t{i}}}, {{"uid", std::to_string(t)}}));
    });
  }
  for (int i = 0; i < 50; ++i) static_cast<void>(exposition.text());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(exposition.series(), 3u);
  EXPECT_NE(exposition.text().find("n{uid=\"2\"} 199\n"), std::string::npos);
}

}  // namespace
}  // namespace templar
