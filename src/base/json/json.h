// JSON values: parse_json() reads a text, to_text() writes one. json_fields.h reads the fields of an object
// by name and type; json_events.h reads a text without building values. No other file includes the JSON
// library.
//
//   Json report = JsonObject{{"windows", 12}, {"loss", 3.5}, {"first", nullptr}};
//   report["uids"] = JsonList{1, 2};                  // or a std::vector<uint32_t>
//   to_text(report);                                  // {"windows":12,"loss":3.5,"first":null,"uids":[1,2]}
//   to_text(report, {.indent = 2, .sorted = true});   // a line for each value, members by their names
//   TRY_ASSIGN(const Json json, parse_json(text, {.max_bytes = 1 << 20}));
//   json.at("uids").at(0).integer();                  // 1
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace templar {

class Json;
struct JsonMember;
using JsonList = std::vector<Json>;
// In the order in which the members were added or read. parse_json() gives no two members of the same name;
// who builds an object by hand sees to that.
using JsonObject = std::vector<JsonMember>;

// A value: null, true or false, an integer (all of int64_t and uint64_t, exactly), a number with a fraction
// or an exponent (double), a text (UTF-8), a list or an object. Two values are equal if their kinds and
// contents are; 1 and 1.0 are of two kinds; the order of members counts.
class Json {
 public:
  Json();  // null
  Json(std::nullptr_t);
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();
  template <std::same_as<bool> T>
  Json(T value);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T value);
  Json(double value);
  Json(const char* text);
  Json(std::string_view text);
  Json(std::string text);
  Json(JsonList list);
  Json(JsonObject object);
  // A list of the values.
  template <typename T>
    requires(!std::same_as<T, Json> && !std::same_as<T, JsonMember>)
  Json(const std::vector<T>& values);
  // An object of the entries.
  template <typename T>
  Json(const std::map<std::string, T>& entries);
  // The value, or null.
  template <typename T>
  Json(const std::optional<T>& value);

  // What the value is, or nullopt or nullptr if it is of another kind. Pointers live as long as this value
  // stays as it is.
  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  [[nodiscard]] std::optional<bool> flag() const;
  [[nodiscard]] std::optional<int64_t> integer() const;  // nullopt also for an integer that is no int64_t
  [[nodiscard]] std::optional<uint64_t> count() const;   // an integer that is not negative
  [[nodiscard]] std::optional<double> number() const;    // an integer too; rounded if it is above 2^53
  [[nodiscard]] const std::string* text() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const JsonList* list() const { return std::get_if<JsonList>(&value_); }
  [[nodiscard]] const JsonObject* object() const { return std::get_if<JsonObject>(&value_); }
  [[nodiscard]] JsonList* list() { return std::get_if<JsonList>(&value_); }
  [[nodiscard]] JsonObject* object() { return std::get_if<JsonObject>(&value_); }

  // The object's member; nullptr if there is none of this name, or this is no object. Takes time in
  // proportion to the number of members.
  [[nodiscard]] const Json* find(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
  // For what is known to be there: the program ends if it is not.
  [[nodiscard]] const Json& at(std::string_view name) const;
  [[nodiscard]] const Json& at(size_t index) const;
  // Of a list or an object; 0 for any other value.
  [[nodiscard]] size_t size() const;

  // The object's member, which is added (null, at the end) if there is none of this name. Null becomes an
  // object first; the program ends if this is anything else.
  Json& operator[](std::string_view name);
  // Null becomes a list first; the program ends if this is anything else.
  void push_back(Json value);

  bool operator==(const Json& other) const;

 private:
  // uint64_t only for what int64_t can't hold.
  std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, JsonList, JsonObject> value_;
};

struct JsonMember {
  std::string name;
  Json value;

  bool operator==(const JsonMember&) const = default;
};

// Defined here, because they need JsonMember whole.
inline Json::Json() = default;
inline Json::Json(const Json& other) = default;
inline Json::Json(Json&& other) noexcept = default;
inline Json& Json::operator=(const Json& other) = default;
inline Json& Json::operator=(Json&& other) noexcept = default;
inline Json::~Json() = default;

template <std::same_as<bool> T>
Json::Json(T value) : value_(value) {}

template <std::integral T>
  requires(!std::same_as<T, bool>)
Json::Json(T value) {
  if (std::in_range<int64_t>(value)) {
    value_ = static_cast<int64_t>(value);
  } else {
    value_ = static_cast<uint64_t>(value);
  }
}

template <typename T>
  requires(!std::same_as<T, Json> && !std::same_as<T, JsonMember>)
Json::Json(const std::vector<T>& values) : value_(JsonList(values.begin(), values.end())) {}

template <typename T>
Json::Json(const std::map<std::string, T>& entries) : value_(JsonObject()) {
  for (const auto& [name, value] : entries) std::get<JsonObject>(value_).push_back({name, Json(value)});
}

template <typename T>
Json::Json(const std::optional<T>& value) {
  if (value) *this = Json(*value);
}

struct JsonLimits {
  size_t max_bytes = size_t{64} << 20;  // of the text; the values take up to 40 times as much memory
  int max_depth = 32;                   // of objects and lists within each other; [] has depth 1
};

// Fails (fatal) if the text is longer or nested deeper than the limits, is not JSON in UTF-8 (RFC 8259; a
// byte order mark before it is overlooked), has a number beyond double's range, or an object with two members
// of the same name. An integer that neither int64_t nor uint64_t holds becomes a double. The message says
// where in the text, and does not say whose text it is.
[[nodiscard]] Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

struct JsonLayout {
  int indent = 0;       // spaces for each level, a line for each value; 0: all on one line, without spaces
  bool sorted = false;  // members in the order of their names' bytes, else in their own
  bool ascii = false;   // what is not ASCII as \uXXXX
};

// Without a line's end. Doubles in the short form that reads back exactly, infinity and NaN as null, bytes
// that are not UTF-8 as U+FFFD. The same value and layout always give the same bytes: signed texts and run
// ids depend on them.
[[nodiscard]] std::string to_text(const Json& json, const JsonLayout& layout = {});

// Appends the text as a JSON string, with its quotes.
void append_json_text(std::string& out, std::string_view text, bool ascii = false);

}  // namespace templar
