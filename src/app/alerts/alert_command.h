// A command of the operator's that is told of an alarm.
#pragma once

#include <chrono>
#include <string>

#include "app/alerts/alert.h"
#include "base/result.h"

namespace templar {

// Runs `/bin/sh -c command` in a process group of its own and waits for its end. The command is the
// operator's; what it is told, which other nodes may have worded, comes by the variables of alert_variables
// and as alert_text on its standard input, and is never read as a command. Of this process' environment it
// gets all but the variables of templar's own (TEMPLAR_...). What it prints goes to standard error. Fails
// (retry) if it ends with another exit code than 0, or has not ended after that time: then the whole group is
// killed.
[[nodiscard]] Status run_alert_command(const std::string& command, const Alert& alert,
                                       std::chrono::milliseconds at_most);

}  // namespace templar
