#include "base/log/log_context.h"

#include <algorithm>

#include "base/check.h"

namespace templar {
namespace {

thread_local const LogContext* innermost = nullptr;

}  // namespace

LogContext::LogContext(std::vector<LogField> fields) : fields_(std::move(fields)), outer_(innermost) {
  innermost = this;
}

LogContext::~LogContext() {
  CHECK(innermost == this);
  innermost = outer_;
}

void append_log_context(std::vector<LogField>& fields) {
  for (const LogContext* context = innermost; context != nullptr; context = context->outer_) {
    for (const LogField& field : context->fields_) {
      const bool known = std::ranges::any_of(fields, [&](const LogField& f) { return f.name == field.name; });
      if (!known) fields.push_back(field);
    }
  }
}

std::vector<LogField> current_log_context() {
  std::vector<LogField> fields;
  append_log_context(fields);
  return fields;
}

}  // namespace templar
