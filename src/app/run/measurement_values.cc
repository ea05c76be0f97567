#include "app/run/measurement_values.h"

#include <charconv>
#include <cmath>

namespace templar {

std::string tag(const Measurement& measurement, const char* name) {
  const auto found = measurement.tags.find(name);
  return found == measurement.tags.end() ? std::string() : found->second;
}

std::optional<uint32_t> uid_tag(const Measurement& measurement, const char* name) {
  const std::string text = tag(measurement, name);
  uint32_t uid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc() || text.empty() || end != text.data() + text.size()) return std::nullopt;
  return uid;
}

bool is(const Measurement& measurement, MeasurementName name) {
  return measurement.name == name.text();
}

std::optional<double> number_named(const Measurement& measurement, const std::string& name) {
  const auto found = measurement.fields.find(name);
  if (found == measurement.fields.end()) return std::nullopt;
  if (const auto* integer = std::get_if<int64_t>(&found->second)) return static_cast<double>(*integer);
  const auto* number = std::get_if<double>(&found->second);
  if (number == nullptr || !std::isfinite(*number)) return std::nullopt;
  return *number;
}

std::optional<int64_t> integer_named(const Measurement& measurement, const std::string& name) {
  const std::optional<double> number = number_named(measurement, name);
  if (!number || std::abs(*number) > 9e15) return std::nullopt;
  return static_cast<int64_t>(*number);
}

std::optional<int64_t> integer_field(const Measurement& measurement, FieldName name) {
  return integer_named(measurement, std::string(name.text()));
}

std::optional<double> number_field(const Measurement& measurement, FieldName name) {
  return number_named(measurement, std::string(name.text()));
}

std::string text_field(const Measurement& measurement, FieldName name) {
  const auto found = measurement.fields.find(std::string(name.text()));
  const auto* text = found == measurement.fields.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? std::string() : *text;
}

}  // namespace templar
