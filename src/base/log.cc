#include "base/log.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

#include <fmt/format.h>

#include "base/log_context.h"
#include "base/log_sinks.h"
#include "base/secrets.h"

namespace templar {
namespace {

std::mutex settings_mutex;
std::shared_ptr<const LogSink> current_sink;
std::shared_ptr<const LogLevels> current_levels = std::make_shared<LogLevels>();
// The lowest level that any room keeps: most calls that say nothing end at one comparison.
std::atomic<LogLevel> lowest_of_all{LogLevel::kInfo};

std::array<std::atomic<uint64_t>, kLogLevels> said{};
std::atomic<uint64_t> unwritten{0};

struct Settings {
  std::shared_ptr<const LogSink> sink;
  std::shared_ptr<const LogLevels> levels;
};

Settings current_settings() {
  const std::lock_guard lock(settings_mutex);
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

std::string without_control_characters(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      clean += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      clean += fmt::format("\\x{:02x}", byte);
    } else {
      clean += c;
    }
  }
  return clean;
}

}  // namespace

std::string_view name_of(LogLevel level) {
  static constexpr std::array<std::string_view, kLogLevels> kNames = {"debug", "info", "warning", "error"};
  return kNames[static_cast<size_t>(level)];
}

LogSink set_log_sink(LogSink sink) {
  std::shared_ptr<const LogSink> next = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  const std::lock_guard lock(settings_mutex);
  std::swap(current_sink, next);
  return next ? *next : LogSink{};
}

void set_log_level(LogLevel lowest) {
  set_log_levels({.lowest = lowest, .rooms = {}});
}

void set_log_levels(LogLevels levels) {
  LogLevel lowest = levels.lowest;
  for (const auto& [room, level] : levels.rooms) lowest = std::min(lowest, level);
  auto next = std::make_shared<const LogLevels>(std::move(levels));
  const std::lock_guard lock(settings_mutex);
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
    ++said[static_cast<size_t>(level)];
    LogEvent event{level, std::string(room), std::string(message), fields, SystemClock().now_ms()};
    append_log_context(event.fields);
    redact(event);
    say(event, settings.sink.get());
  } catch (const std::exception&) {
    ++unwritten;
  }
}

LogCounts log_counts() {
  LogCounts counts;
  for (size_t i = 0; i < kLogLevels; ++i) counts.by_level[i] = said[i].load();
  counts.unwritten = unwritten.load();
  return counts;
}

void count_unwritten_log_events(uint64_t events) {
  unwritten += events;
}

std::string format_log_event(const LogEvent& event) {
  std::string line = event.room + ": " + event.message;
  for (const LogField& field : event.fields) {
    line += ' ' + field.name + '=';
    std::visit([&line](const auto& value) { line += fmt::format("{}", value); }, field.value);
  }
  return without_control_characters(line);
}

}  // namespace templar
