// How many events there were, for those who watch the process.
#pragma once

#include <array>
#include <cstdint>

#include "base/log/log_event.h"

namespace templar {

// Events since the process began.
struct LogCounts {
  std::array<uint64_t, kLogLevels> by_level{};  // said, by LogLevel
  uint64_t unwritten = 0;                       // each once for each sink that failed to write it
};

// All thread-safe.
[[nodiscard]] LogCounts log_counts();
void count_log_event(LogLevel level);
// For sinks that know of a failure without throwing.
void count_unwritten_log_events(uint64_t events = 1);

}  // namespace templar
