#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace templar {
namespace {

std::mutex sink_mutex;
std::shared_ptr<const LogSink> current_sink;
std::atomic<LogLevel> lowest_level{LogLevel::kInfo};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::off;
}

void print_to_stderr(const LogEvent& event) {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("templar", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_level(spdlog::level::trace);
    made->set_pattern("%H:%M:%S.%e %^%L%$ %v");
    return made;
  }();
  logger->log(to_spdlog(event.level), "{}", format_log_event(event));
}

}  // namespace

LogSink set_log_sink(LogSink sink) {
  std::shared_ptr<const LogSink> next = sink ? std::make_shared<const LogSink>(std::move(sink)) : nullptr;
  const std::lock_guard lock(sink_mutex);
  std::swap(current_sink, next);
  return next ? *next : LogSink{};
}

void set_log_level(LogLevel lowest) { lowest_level = lowest; }

void log(LogLevel level, std::string_view room, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < lowest_level.load()) return;
  const LogEvent event{level, std::string(room), std::string(message), fields};
  std::shared_ptr<const LogSink> sink;
  {
    const std::lock_guard lock(sink_mutex);
    sink = current_sink;
  }
  if (sink) {
    (*sink)(event);
  } else {
    print_to_stderr(event);
  }
}

std::string format_log_event(const LogEvent& event) {
  std::string line = event.room + ": " + event.message;
  for (const LogField& field : event.fields) {
    line += ' ' + field.name + '=';
    std::visit([&line](const auto& value) { line += fmt::format("{}", value); }, field.value);
  }
  return line;
}

}  // namespace templar
