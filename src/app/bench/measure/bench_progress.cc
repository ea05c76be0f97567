#include "app/bench/measure/bench_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace templar {

void show_progress(const std::string& what) {
  if (isatty(STDERR_FILENO) != 0) {
    fmt::print(stderr, "\r\033[K{}", what);
  } else {
    fmt::print(stderr, "{}\n", what);
  }
}

void end_progress() {
  if (isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
}

}  // namespace templar
