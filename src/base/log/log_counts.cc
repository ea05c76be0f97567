#include "base/log/log_counts.h"

#include <atomic>

namespace templar {
namespace {

std::array<std::atomic<uint64_t>, kLogLevels> said{};
std::atomic<uint64_t> unwritten{0};

}  // namespace

LogCounts log_counts() {
  LogCounts counts;
  for (size_t i = 0; i < kLogLevels; ++i) counts.by_level[i] = said[i].load();
  counts.unwritten = unwritten.load();
  return counts;
}

void count_log_event(LogLevel level) {
  ++said[static_cast<size_t>(level)];
}

void count_unwritten_log_events(uint64_t events) {
  unwritten += events;
}

}  // namespace templar
