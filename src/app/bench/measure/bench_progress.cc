#include "app/bench/measure/bench_progress.h"
#include "app/terminal/tell.h"
#include "app/terminal/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace templar {

void show_progress(const std::string& what) {
  if (terminal_at(STDERR_FILENO).redraws) {
    tell(fmt::format("\r\033[K{}", what));
  } else {
    tell(fmt::format("{}\n", what));
  }
}

void end_progress() {
  if (terminal_at(STDERR_FILENO).redraws) tell("\r\033[K");
}

}  // namespace templar
