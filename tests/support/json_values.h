// JSON in tests. What is not there, or is of another type, ends the test program with a message.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"

namespace templar::testing {

[[nodiscard]] Json parsed_json(std::string_view text);

// The value's part at a path such as "files[0].size"; an object's last member is added if it is not there.
[[nodiscard]] Json& part(Json& json, std::string_view path);
// Takes the member or the list's item at the path out.
void erase_part(Json& json, std::string_view path);

[[noreturn]] void wrong_json(const Json& json, std::string_view wanted);

template <typename T>
struct ReadAs;
template <>
struct ReadAs<bool> {
  static bool read(const Json& json) {
    if (const auto flag = json.flag()) return *flag;
    wrong_json(json, "true or false");
  }
};
template <>
struct ReadAs<std::string> {
  static std::string read(const Json& json) {
    if (json.text() != nullptr) return *json.text();
    wrong_json(json, "text");
  }
};
template <typename T>
  requires std::integral<T>
struct ReadAs<T> {
  static T read(const Json& json) {
    if (const auto integer = json.integer()) return static_cast<T>(*integer);
    wrong_json(json, "an integer");
  }
};
template <std::floating_point T>
struct ReadAs<T> {
  static T read(const Json& json) {
    if (const auto number = json.number()) return static_cast<T>(*number);
    wrong_json(json, "a number");
  }
};
template <typename T>
struct ReadAs<std::vector<T>> {
  static std::vector<T> read(const Json& json) {
    if (json.list() == nullptr) wrong_json(json, "a list");
    std::vector<T> values;
    values.reserve(json.size());
    for (const Json& value : *json.list()) values.push_back(ReadAs<T>::read(value));
    return values;
  }
};

// The value as bool, an integer, a floating-point number, std::string or a std::vector of these.
template <typename T>
[[nodiscard]] T as(const Json& json) {
  return ReadAs<T>::read(json);
}

}  // namespace templar::testing
