// One event of the log: a fact, with named fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace templar {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
inline constexpr size_t kLogLevels = 4;

// "debug", "info", "warning", "error".
[[nodiscard]] std::string_view name_of(LogLevel level);

struct LogField {
  std::string name;
  std::variant<int64_t, double, std::string> value;

  LogField(std::string_view field, std::string_view text) : name(field), value(std::string(text)) {}
  LogField(std::string_view field, const char* text) : name(field), value(std::string(text)) {}
  LogField(std::string_view field, double number) : name(field), value(number) {}
  template <typename Integer>
    requires std::is_integral_v<Integer>
  LogField(std::string_view field, Integer number) : name(field), value(static_cast<int64_t>(number)) {}

  bool operator==(const LogField&) const = default;
};

struct LogEvent {
  LogLevel level = LogLevel::kInfo;
  std::string room;              // which part speaks: "miner", "gather", ...
  std::string message;           // the fact, the same words every time
  std::vector<LogField> fields;  // the call's own, then those of the contexts that it lacks
  TimestampMs time_ms = 0;       // when it was said
};

// Where events go. May be called by several threads at once. What it throws as a std::exception is counted as
// an event that could not be written.
using LogSink = std::function<void(const LogEvent&)>;

}  // namespace templar
