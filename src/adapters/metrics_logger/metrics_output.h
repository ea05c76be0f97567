// Where a MetricsLogger hands measurements on: a file, a server.
#pragma once

#include <cstdint>
#include <span>

#include "ports/metrics_sink.h"

namespace templar {

// write() and flush() are called by the logger's worker alone, one at a time; dropped() by any thread. None
// throws, and none may block for long: while one does, the logger's queue fills and drops its oldest.
class MetricsOutput {
 public:
  virtual ~MetricsOutput() = default;
  // Measurements in the order in which they were taken, stamped and tagged.
  virtual void write(std::span<const Measurement> measurements) = 0;
  // Everything written so far is where it belongs when this returns, or is kept for later, or counted as
  // dropped. May take seconds where a server is slow: a time limit is the output's own affair.
  virtual void flush() = 0;
  // Measurements that could not be written and never will be.
  [[nodiscard]] virtual uint64_t dropped() const = 0;
};

}  // namespace templar
