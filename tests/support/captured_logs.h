// What the code under test says on the log, in place of standard error.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log/log.h"
#include "base/threads/mutex.h"

namespace templar::testing {

// From its making to its end it is the process's log sink; then the one before is back. Thread-safe.
class CapturedLogs {
 public:
  CapturedLogs();
  CapturedLogs(const CapturedLogs&) = delete;
  CapturedLogs& operator=(const CapturedLogs&) = delete;
  ~CapturedLogs();

  [[nodiscard]] std::vector<LogEvent> events() const;
  // The events in order as format_log_event() writes them, a line each: to search in, and to print when a
  // test fails.
  [[nodiscard]] std::string text() const;
  // How many events have this message, whole.
  [[nodiscard]] size_t count(std::string_view message) const;
  // The text of a field of the newest event with that message; empty if there is none.
  [[nodiscard]] std::string field(std::string_view message, std::string_view name) const;

 private:
  struct Store {
    Mutex mutex;
    std::vector<LogEvent> events GUARDED_BY(mutex);
  };
  std::shared_ptr<Store> store_;  // shared with the sink, which a thread may still be calling
  LogSink previous_;
};

}  // namespace templar::testing
