// A run at a glance, as text for a terminal.
#pragma once

#include <cstdint>
#include <string>

#include "app/run/run_follower.h"

namespace templar {

struct TerminalSize {
  int columns = 100;
  int rows = 40;
  bool colours = false;
};

// The whole picture: at most `rows` lines of at most `columns` characters, the last one without a line end.
// now_ms: the wall clock, for how long ago something was.
[[nodiscard]] std::string top_picture(const RunKnowledge& run, int64_t now_ms, const TerminalSize& size);

}  // namespace templar
