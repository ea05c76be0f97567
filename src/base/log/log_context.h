// Who speaks, and of which window, said once instead of in every call.
#pragma once

#include <vector>

#include "base/log/log_event.h"

namespace templar {

// While it lives, every event of this thread has these fields too; those that the call names itself stay as
// the call has them, and of nested contexts the inner one counts. Ends on the thread that made it, inner
// before outer. A thread that works for another is given what that one has: LogContext
// scope(current_log_context()).
class LogContext {
 public:
  explicit LogContext(std::vector<LogField> fields);
  LogContext(const LogContext&) = delete;
  LogContext& operator=(const LogContext&) = delete;
  ~LogContext();

 private:
  friend void append_log_context(std::vector<LogField>& fields);

  std::vector<LogField> fields_;
  const LogContext* outer_;
};

// All fields that events of this thread get now, inner ones first, each name once.
[[nodiscard]] std::vector<LogField> current_log_context();

// Adds the context's fields whose names are not there yet.
void append_log_context(std::vector<LogField>& fields);

}  // namespace templar
