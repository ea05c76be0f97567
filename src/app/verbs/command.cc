#include "app/verbs/command.h"

#include <fmt/format.h>

#include "app/terminal/stop_signal.h"
#include "base/secrets.h"

namespace templar {

int run_command(const std::function<Status()>& work) {
  const Status status = work();
  if (!status) {
    fmt::print(stderr, "error: {}\n", redact(status.error().message));
    return stop_requested() ? kInterruptedExitCode : 1;
  }
  return stop_requested() ? kInterruptedExitCode : 0;
}

}  // namespace templar
