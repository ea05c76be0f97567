#include <algorithm>

#include "base/check.h"
#include "base/json/json.h"

namespace templar {

Json::Json(std::nullptr_t) {}

Json::Json(double value) : value_(value) {}

Json::Json(const char* text) : value_(std::string(text)) {}

Json::Json(std::string_view text) : value_(std::string(text)) {}

Json::Json(std::string text) : value_(std::move(text)) {}

Json::Json(JsonList list) : value_(std::move(list)) {}

Json::Json(JsonObject object) : value_(std::move(object)) {}

std::optional<bool> Json::flag() const {
  const bool* flag = std::get_if<bool>(&value_);
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

std::optional<int64_t> Json::integer() const {
  const int64_t* integer = std::get_if<int64_t>(&value_);
  return integer == nullptr ? std::nullopt : std::optional(*integer);
}

std::optional<uint64_t> Json::count() const {
  if (const uint64_t* large = std::get_if<uint64_t>(&value_)) return *large;
  const int64_t* integer = std::get_if<int64_t>(&value_);
  return integer == nullptr || *integer < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(*integer));
}

std::optional<double> Json::number() const {
  if (const double* number = std::get_if<double>(&value_)) return *number;
  if (const int64_t* integer = std::get_if<int64_t>(&value_)) return static_cast<double>(*integer);
  if (const uint64_t* large = std::get_if<uint64_t>(&value_)) return static_cast<double>(*large);
  return std::nullopt;
}

const Json* Json::find(std::string_view name) const {
  const JsonObject* members = object();
  if (members == nullptr) return nullptr;
  const auto found = std::ranges::find(*members, name, &JsonMember::name);
  return found == members->end() ? nullptr : &found->value;
}

const Json& Json::at(std::string_view name) const {
  const Json* member = find(name);
  CHECK(member != nullptr);
  return *member;
}

const Json& Json::at(size_t index) const {
  CHECK(list() != nullptr && index < list()->size());
  return (*list())[index];
}

size_t Json::size() const {
  if (list() != nullptr) return list()->size();
  return object() == nullptr ? 0 : object()->size();
}

Json& Json::operator[](std::string_view name) {
  if (is_null()) value_ = JsonObject();
  JsonObject* members = object();
  CHECK(members != nullptr);
  const auto found = std::ranges::find(*members, name, &JsonMember::name);
  if (found != members->end()) return found->value;
  members->push_back({std::string(name), Json()});
  return members->back().value;
}

void Json::push_back(Json value) {
  if (is_null()) value_ = JsonList();
  CHECK(list() != nullptr);
  list()->push_back(std::move(value));
}

bool Json::operator==(const Json& other) const {
  return value_ == other.value_;
}

}  // namespace templar
