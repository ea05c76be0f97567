// What a benchmark is doing, on standard error: one line that is overwritten, or a line each where nobody
// watches.
#pragma once

#include <string>

#include "base/result.h"

namespace templar {

void show_progress(const std::string& what);
void end_progress();

// Shows it, and fails where the process has been asked to end: a measurement that has a folder on the disk
// stops between two of its steps.
[[nodiscard]] Status show_step(const std::string& what);

}  // namespace templar
