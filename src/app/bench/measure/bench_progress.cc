#include "app/bench/measure/bench_progress.h"
#include "app/terminal/tell.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace templar {

void show_progress(const std::string& what) {
  if (isatty(STDERR_FILENO) != 0) {
    tell(fmt::format("\r\033[K{}", what));
  } else {
    tell(fmt::format("{}\n", what));
  }
}

void end_progress() {
  if (isatty(STDERR_FILENO) != 0) tell("\r\033[K");
}

}  // namespace templar
