// What a benchmark is doing, on standard error: one line that is overwritten, or a line each where nobody
// watches.
#pragma once

#include <string>

namespace templar {

void show_progress(const std::string& what);
void end_progress();

}  // namespace templar
