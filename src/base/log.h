// Structured logging: one event per fact, with named fields. Goes to standard error unless a sink is set
// (base/log_sinks.h). Logging never stops the caller: what can't be written is counted. No sink ever sees a
// registered secret (base/secrets.h).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
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

// May be called by several threads at once. What it throws as a std::exception is counted as an event that
// could not be written.
using LogSink = std::function<void(const LogEvent&)>;

// Both are process-wide and thread-safe. set_log_sink returns the sink that was in place; an empty sink
// restores standard error. A sink may still be running on another thread when it has been taken away.
LogSink set_log_sink(LogSink sink);
void set_log_level(LogLevel lowest);  // of every room

// From which level on events are kept. Rooms that are not named keep the lowest of all.
struct LogLevels {
  LogLevel lowest = LogLevel::kInfo;
  std::map<std::string, LogLevel, std::less<>> rooms;
  bool operator==(const LogLevels&) const = default;
};
void set_log_levels(LogLevels levels);

void log(LogLevel level, std::string_view room, std::string_view message,
         std::initializer_list<LogField> fields = {});

// Events since the process began.
struct LogCounts {
  std::array<uint64_t, kLogLevels> by_level{};  // said, by LogLevel
  uint64_t unwritten = 0;                       // each once for each sink that failed to write it
};
[[nodiscard]] LogCounts log_counts();
// For sinks that know of a failure without throwing.
void count_unwritten_log_events(uint64_t events = 1);

// "room: message name=value ...", as text sinks print it. One line: control characters, which could forge
// lines or command a terminal, as \n or \xNN.
[[nodiscard]] std::string format_log_event(const LogEvent& event);

}  // namespace templar
