// Structured logging: one event per fact, with named fields. Goes to standard error unless a sink is set
// (base/log/log_sinks.h). Logging never stops the caller: what can't be written is counted. No sink ever sees
// a registered secret (base/log/secrets.h).
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>

#include "base/log/log_counts.h"
#include "base/log/log_event.h"

namespace templar {

// Sink and levels are process-wide, and are set thread-safely. set_log_sink returns the sink that was in
// place; an empty sink restores standard error. A sink may still be running on another thread when it has
// been taken away.
LogSink set_log_sink(LogSink sink);

// From which level on events are kept. Rooms that are not named keep the lowest of all.
struct LogLevels {
  LogLevel lowest = LogLevel::kInfo;
  std::map<std::string, LogLevel, std::less<>> rooms;
  bool operator==(const LogLevels&) const = default;
};
void set_log_levels(LogLevels levels);

void log(LogLevel level, std::string_view room, std::string_view message,
         std::initializer_list<LogField> fields = {});

}  // namespace templar
