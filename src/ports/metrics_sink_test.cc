#include "ports/metrics_sink.h"

#include <cmath>
#include <limits>

#include "ports/metric_fields.h"
#include "support/contracts/metrics_sink_contract.h"

namespace templar::testing {
namespace {

struct MemorySinkHarness {
  MetricsSink& sink() { return memory; }
  std::vector<Measurement> written() { return memory.measurements(); }

  MemoryMetricsSink memory;
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, MetricsSinkContract, MemorySinkHarness);

TEST(MemoryMetricsSink, FindsMeasurementsByTheirName) {
  MemoryMetricsSink sink;
  for (int64_t i = 0; i < 6; ++i)
    sink.write({.name = i % 2 == 0 ? "even" : "odd", .tags = {}, .fields = {{"i", i}}});
  const auto odd = sink.named("odd");
  ASSERT_EQ(odd.size(), 3u);
  EXPECT_EQ(std::get<int64_t>(odd[2].fields.at("i")), 5);
  EXPECT_TRUE(sink.named("other").empty());
}

TEST(MetricFields, TurnAListOfIntegersIntoText) {
  Measurement measurement;
  const int64_t peers[] = {3, -1, 20};
  add_list_field(measurement, "gather_peers", peers);
  add_list_field(measurement, "skipped_peers", std::span<const int64_t>());
  EXPECT_EQ(measurement.fields,
            (std::map<std::string, MetricValue>{{"gather_peers", "[3, -1, 20]"}, {"skipped_peers", "[]"}}));
}

TEST(MetricFields, TurnAListOfFloatsIntoFourNumbers) {
  Measurement measurement;
  const double odd[] = {5, 1, 3};
  const double even[] = {4, 1, 2, 10};
  add_list_field(measurement, "odd", odd);
  add_list_field(measurement, "even", even);
  add_list_field(measurement, "none", std::span<const double>());
  EXPECT_EQ(measurement.fields, (std::map<std::string, MetricValue>{{"odd_mean", 3.0},
                                                                    {"odd_min", 1.0},
                                                                    {"odd_max", 5.0},
                                                                    {"odd_median", 3.0},
                                                                    {"even_mean", 4.25},
                                                                    {"even_min", 1.0},
                                                                    {"even_max", 10.0},
                                                                    {"even_median", 3.0},
                                                                    {"none", 0.0}}));
}

TEST(MetricFields, SummariseTheFiniteValuesOfAList) {
  Measurement measurement;
  const double some[] = {std::nan(""), 2, HUGE_VAL, 4, -HUGE_VAL};
  const double none[] = {std::nan(""), HUGE_VAL};
  add_list_field(measurement, "some", some);
  add_list_field(measurement, "none", none);
  ASSERT_EQ(measurement.fields.size(), 8u);
  EXPECT_EQ(std::get<double>(measurement.fields.at("some_mean")), 3);
  EXPECT_EQ(std::get<double>(measurement.fields.at("some_max")), 4);
  for (const char* name : {"none_mean", "none_min", "none_max", "none_median"})
    EXPECT_TRUE(std::isnan(std::get<double>(measurement.fields.at(name)))) << name;
}

TEST(MetricFields, FindTheMeanOfNumbersWhoseSumIsTooLarge) {
  Measurement measurement;
  const double large = std::numeric_limits<double>::max();
  const double values[] = {large, large};
  add_list_field(measurement, "f", values);
  EXPECT_EQ(std::get<double>(measurement.fields.at("f_mean")), large);
  EXPECT_EQ(std::get<double>(measurement.fields.at("f_median")), large);
}

TEST(MetricFields, KeepTheTypeOfEachValueAndReplaceWhatWasThere) {
  Measurement measurement{.name = "training_step_v2", .tags = {}, .fields = {{"loss", std::string("old")}}};
  add_fields(measurement, {{"window", int64_t{3}}, {"loss", 2.0}, {"state_root", std::string("ab")}});
  EXPECT_EQ(measurement.fields,
            (std::map<std::string, MetricValue>{
                {"window", int64_t{3}}, {"loss", 2.0}, {"state_root", std::string("ab")}}));
}

}  // namespace templar::testing
