// A run at a glance, as text for a terminal.
#pragma once

#include <cstdint>
#include <string>

#include "app/localnet/history.h"
#include "core/protocol/run_spec.h"

namespace templar {

struct TopRun {
  std::string title;  // the run's name and id
  RunSpec spec;
  bool finished = false;  // its summary is there
};

struct TerminalSize {
  int columns = 100;
  int rows = 40;
  bool colours = false;
};

// The whole picture: at most `rows` lines of at most `columns` characters, the last one without a line end.
// now_ns: the wall clock, for how long ago something was.
[[nodiscard]] std::string top_picture(const TopRun& run, const History& history, int64_t now_ns,
                                      const TerminalSize& size);

}  // namespace templar
