#include "adapters/metrics_logger/field_value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace templar::testing {
namespace {

std::map<std::string, MetricValue> fields_of(const FieldValue& value) {
  std::map<std::string, MetricValue> fields;
  add_field(fields, "f", value);
  return fields;
}

TEST(AddField, TakesTheMiddleOfAnOddNumberOfFloats) {
  EXPECT_EQ(std::get<double>(fields_of(std::vector<double>{9, 1, 2}).at("f_median")), 2);
}

TEST(AddField, SummarisesTheNumbersAmongFloatsThatAreNone) {
  const double nan = std::nan("");
  const auto some = fields_of(std::vector<double>{nan, 2, HUGE_VAL, 4, -HUGE_VAL});
  EXPECT_EQ(std::get<double>(some.at("f_mean")), 3);
  EXPECT_EQ(std::get<double>(some.at("f_max")), 4);
  const auto none = fields_of(std::vector<double>{nan, HUGE_VAL});
  EXPECT_TRUE(std::isnan(std::get<double>(none.at("f_median"))));
}

TEST(AddField, FindsTheMeanOfNumbersWhoseSumIsTooLarge) {
  const double large = std::numeric_limits<double>::max();
  const auto fields = fields_of(std::vector<double>{large, large});
  EXPECT_EQ(std::get<double>(fields.at("f_mean")), large);
  EXPECT_EQ(std::get<double>(fields.at("f_median")), large);
}

TEST(AddField, WritesOverTheFieldOfThatName) {
  std::map<std::string, MetricValue> fields = {{"f", std::string("old")}};
  add_field(fields, "f", 3);
  EXPECT_EQ(fields.at("f"), MetricValue(int64_t{3}));
}

}  // namespace
}  // namespace templar::testing
