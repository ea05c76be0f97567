// The newest value of everything that was measured, as Prometheus reads it (text exposition format 0.0.4).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "base/threads/mutex.h"
#include "ports/metrics_sink.h"

namespace templar {

struct ExpositionOptions {
  // A field of a measurement with its tags is one; those that come later are left out, and counted.
  size_t max_series = 10'000;
  // Tags whose values have no end, or that say the same everywhere: without them the newest value counts.
  std::set<std::string, std::less<>> left_out_tags = {"window", "global_step", "outer_step", "runtime_id"};
  std::string left_out_prefix = "config_";
};

// Thread-safe.
class Exposition {
 public:
  explicit Exposition(ExpositionOptions options = {}) : options_(std::move(options)) {}

  // Keeps the measurement's numbers in place of older ones; texts are no numbers. Takes about as long as
  // looking its fields up.
  void observe(const Measurement& measurement);

  // All values as gauges templar_<measurement>_<field>{tags}, in the order of their names. Names and labels
  // that Prometheus does not take get '_' for each byte. Times are in seconds, as its conventions have it: a
  // field x_s becomes x_seconds, and x_ms a thousandth of it; endings that mean counters and histograms there
  // (_total, _count, _sum, _bucket) are followed by _value, and a word that is a kind of metric stands for
  // many: benchmark_summary becomes benchmark_summaries.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] uint64_t series() const;
  [[nodiscard]] uint64_t left_out() const;  // values that had no place, each time that they came

 private:
  using Number = std::variant<int64_t, double>;
  using Tags = std::map<std::string, std::string>;
  using Fields = std::map<std::string, Number>;

  const ExpositionOptions options_;
  mutable Mutex mutex_;
  std::map<std::string, std::map<Tags, Fields>> newest_ GUARDED_BY(mutex_);  // by the measurement's name
  uint64_t series_ GUARDED_BY(mutex_) = 0;
  uint64_t left_out_ GUARDED_BY(mutex_) = 0;
};

// A metric of one's own, with its HELP and TYPE. kind: "counter" or "gauge"; labels as they stand between the
// braces.
struct OwnMetric {
  std::string name;
  std::string kind;
  std::string help;
  std::map<std::string, uint64_t> values;  // by labels; "" for none
};
[[nodiscard]] std::string exposed(const OwnMetric& metric);

}  // namespace templar
