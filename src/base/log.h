// Structured logging: one event per fact, with named fields. Goes to standard error unless a sink is set.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace templar {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string name;
  std::variant<int64_t, double, std::string> value;

  LogField(std::string_view field, std::string_view text) : name(field), value(std::string(text)) {}
  LogField(std::string_view field, const char* text) : name(field), value(std::string(text)) {}
  LogField(std::string_view field, double number) : name(field), value(number) {}
  template <typename Integer>
    requires std::is_integral_v<Integer>
  LogField(std::string_view field, Integer number) : name(field), value(static_cast<int64_t>(number)) {}
};

struct LogEvent {
  LogLevel level = LogLevel::kInfo;
  std::string room;     // which part speaks: "miner", "gather", ...
  std::string message;  // the fact, the same words every time
  std::vector<LogField> fields;
};

using LogSink = std::function<void(const LogEvent&)>;

// Both are process-wide and thread-safe. set_log_sink returns the sink that was in place; an empty sink restores standard error.
LogSink set_log_sink(LogSink sink);
void set_log_level(LogLevel lowest);

void log(LogLevel level, std::string_view room, std::string_view message, std::initializer_list<LogField> fields = {});

// "room: message name=value ...", as the default sink prints it.
[[nodiscard]] std::string format_log_event(const LogEvent& event);

}  // namespace templar
