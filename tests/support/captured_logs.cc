#include "support/captured_logs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log/log_format.h"

namespace templar::testing {

CapturedLogs::CapturedLogs() : store_(std::make_shared<Store>()) {
  previous_ = set_log_sink([store = store_](const LogEvent& event) {
    const MutexLock lock(store->mutex);
    store->events.push_back(event);
  });
}

CapturedLogs::~CapturedLogs() {
  set_log_sink(std::move(previous_));
}

std::vector<LogEvent> CapturedLogs::events() const {
  const MutexLock lock(store_->mutex);
  return store_->events;
}

std::string CapturedLogs::text() const {
  std::string lines;
  for (const LogEvent& event : events()) lines += format_log_event(event) + "\n";
  return lines;
}

size_t CapturedLogs::count(std::string_view message) const {
  const std::vector<LogEvent> all = events();
  return static_cast<size_t>(
      std::count_if(all.begin(), all.end(), [&](const LogEvent& event) { return event.message == message; }));
}

std::string CapturedLogs::field(std::string_view message, std::string_view name) const {
  const std::vector<LogEvent> all = events();
  const auto newest =
      std::find_if(all.rbegin(), all.rend(), [&](const LogEvent& event) { return event.message == message; });
  if (newest == all.rend()) return "";
  for (const LogField& field : newest->fields) {
    if (field.name == name)
      return std::visit([](const auto& value) { return fmt::format("{}", value); }, field.value);
  }
  return "";
}

}  // namespace templar::testing
