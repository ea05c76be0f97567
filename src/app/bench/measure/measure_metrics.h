// What a call that logs a measurement costs the thread that calls, at a steady rate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/influx/influx_config.h"

namespace templar {

struct MetricsBenchOptions {
  double points_per_second = 100'000;
  double seconds = 5;
  InfluxConfig influx;  // no url: JSONL alone
};

// Of one kind of call, in seconds. All contain the two clock readings that measure them.
struct CallCost {
  double median = 0;
  double p99 = 0;
  double p999 = 0;
  double max = 0;
};

struct MetricsBenchReport {
  std::string outputs;  // what stood behind the logger
  uint64_t points = 0;
  CallCost empty;           // nothing between two clock readings
  CallCost call;            // log() of a measurement that is there
  CallCost build_and_call;  // making a measurement of 3 tags and 7 fields, too
  uint64_t late_calls = 0;  // came more than a millisecond after their turn: the machine did something else
  uint64_t dropped = 0;
  double logged_per_second = 0;  // the rate that was reached
  double cpu_share = 0;          // of one core, of all other threads of the process, while it logged
};

// With the JSONL file alone, then with a server that nobody runs, then, if one is given, with that server.
// The files are in a temporary folder. Fails if that can't be made, or the server's configuration is not
// valid.
[[nodiscard]] Result<std::vector<MetricsBenchReport>> run_metrics_bench(const MetricsBenchOptions& options);

}  // namespace templar
