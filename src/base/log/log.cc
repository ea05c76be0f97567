#include "base/log/log.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <utility>

#include "base/log/log_context.h"
#include "base/log/log_sinks.h"
#include "base/log/secrets.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

Mutex settings_mutex;
std::shared_ptr<const LogSink> current_sink GUARDED_BY(settings_mutex);
std::shared_ptr<const LogLevels> current_levels GUARDED_BY(settings_mutex) = std::make_shared<LogLevels>();
// The lowest level that any room keeps: most calls that say nothing end at one comparison.
std::atomic<LogLevel> lowest_of_all{LogLevel::kInfo};

struct Settings {
  std::shared_ptr<const LogSink> sink;
  std::shared_ptr<const LogLevels> levels;
};

Settings current_settings() {
  const MutexLock lock(settings_mutex);
  return {current_sink, current_levels};
}

bool is_kept(LogLevel level, std::string_view room, const LogLevels& levels) {
  const auto found = levels.rooms.find(room);
  return level >= (found == levels.rooms.end() ? levels.lowest : found->second);
}

void say(const LogEvent& event, const LogSink* sink) {
  static const LogSink standard_error = stderr_log_sink();
  (sink != nullptr ? *sink : standard_error)(event);
}

}  // namespace

LogSink set_log_sink(LogSink sink) {
  std::shared_ptr<const LogSink> next = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  const MutexLock lock(settings_mutex);
  std::swap(current_sink, next);
  return next ? *next : LogSink{};
}

void set_log_levels(LogLevels levels) {
  LogLevel lowest = levels.lowest;
  for (const auto& [room, level] : levels.rooms) lowest = std::min(lowest, level);
  auto next = std::make_shared<const LogLevels>(std::move(levels));
  const MutexLock lock(settings_mutex);
  current_levels = std::move(next);
  lowest_of_all = lowest;
}

void log(LogLevel level, std::string_view room, std::string_view message,
         std::initializer_list<LogField> fields) {
  if (level < lowest_of_all.load(std::memory_order_relaxed)) return;
  // Whatever goes wrong from here on, a full disk or memory, is the log's trouble and not the caller's.
  try {
    const Settings settings = current_settings();
    if (!is_kept(level, room, *settings.levels)) return;
    count_log_event(level);
    LogEvent event{level, std::string(room), std::string(message), fields, SystemClock().now_ms()};
    append_log_context(event.fields);
    redact(event);
    say(event, settings.sink.get());
  } catch (const std::exception&) {
    count_unwritten_log_events();
  }
}

}  // namespace templar
