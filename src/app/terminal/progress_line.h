// How far a long work is, for a person at a terminal.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"

namespace templar {

// "512 bytes", "20.0 kB", "12.3 MB", "12.34 GB".
[[nodiscard]] std::string human_bytes(uint64_t bytes);

// A line on standard error, from the third second on: in place on a terminal, else a new one every five
// seconds. Goes away with this.
class ProgressLine {
 public:
  ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();
  // The text is asked for only where it is shown.
  void show(const std::function<std::string()>& text);

 private:
  Stopwatch watch_;
  double next_seconds_;
  bool redraws_;
  bool shown_ = false;
};

}  // namespace templar
