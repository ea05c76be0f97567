// What may be logged as a field, and what becomes of it in a measurement.
#pragma once

#include <concepts>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ports/metrics_sink.h"

namespace templar {

// Integers stay integers, floats floats, text text; a truth value is 0 or 1. nullptr is "nothing".
class FieldValue {
 public:
  using Held = std::variant<std::nullptr_t, int64_t, uint64_t, double, std::string, std::vector<int64_t>,
                            std::vector<double>>;

  FieldValue(std::nullptr_t) : held_(nullptr) {}  // NOLINT: a field is written as what it is
  template <std::signed_integral Integer>
  FieldValue(Integer value) : held_(static_cast<int64_t>(value)) {}  // NOLINT
  template <std::unsigned_integral Integer>
  FieldValue(Integer value) : held_(static_cast<uint64_t>(value)) {}  // NOLINT
  template <std::floating_point Float>
  FieldValue(Float value) : held_(static_cast<double>(value)) {}         // NOLINT
  FieldValue(const char* value) : held_(std::string(value)) {}           // NOLINT
  FieldValue(std::string_view value) : held_(std::string(value)) {}      // NOLINT
  FieldValue(std::string value) : held_(std::move(value)) {}             // NOLINT
  FieldValue(std::vector<int64_t> values) : held_(std::move(values)) {}  // NOLINT
  FieldValue(std::vector<double> values) : held_(std::move(values)) {}   // NOLINT

  [[nodiscard]] const Held& held() const { return held_; }

 private:
  Held held_;
};

// A list, so that a call that logs builds no tree.
using LogFields = std::vector<std::pair<std::string, FieldValue>>;

// Writes the field into the measurement's, over what has its name:
// nothing                 0.0
// unsigned above int64    a float: the nearest
// a list of integers      text: "[1, 2, 3]", so that none is lost
// a list of floats        NAME_mean, NAME_min, NAME_max and NAME_median of those that are finite; 0.0 under
//                         NAME if the list is empty; NaN in all four if none is finite
void add_field(std::map<std::string, MetricValue>& fields, std::string name, const FieldValue& value);

}  // namespace templar
