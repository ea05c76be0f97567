// Where measurements go. Watching never stops training: write() returns at once, keeps nothing of the
// caller's, and what can't be written is counted, not thrown back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/threads/mutex.h"

namespace templar {

using MetricValue = std::variant<int64_t, double, std::string>;

struct Measurement {
  std::string name;  // one of those in measurement_names.h
  std::map<std::string, std::string> tags;
  std::map<std::string, MetricValue> fields;
  int64_t time_ns = 0;  // since the Unix epoch; 0: when it is written
  bool operator==(const Measurement&) const = default;
};

// Thread-safe.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void write(Measurement measurement) = 0;
  // Everything accepted so far is where it belongs when this returns, or counted as dropped.
  virtual void flush() = 0;
  // Measurements that could not be written.
  [[nodiscard]] virtual uint64_t dropped() const = 0;
};

class MemoryMetricsSink final : public MetricsSink {
 public:
  void write(Measurement measurement) override;
  void flush() override {}
  [[nodiscard]] uint64_t dropped() const override { return 0; }
  [[nodiscard]] std::vector<Measurement> measurements() const;
  // Those with that name, in the order written.
  [[nodiscard]] std::vector<Measurement> named(std::string_view name) const;

 private:
  mutable Mutex mutex_;
  std::vector<Measurement> measurements_ GUARDED_BY(mutex_);
};

}  // namespace templar
