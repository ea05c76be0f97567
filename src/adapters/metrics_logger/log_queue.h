// What was logged and not yet handed on: the front of MetricsLogger.
#pragma once

#include <cstdint>
#include <vector>

#include "adapters/metrics_logger/field_value.h"

namespace templar {

struct LoggedMeasurement {
  Measurement measurement;
  LogFields raw_fields;  // become fields of the measurement on the worker
  bool system_metrics = false;
  bool gpu_metrics = false;
};

// Bounded; the oldest goes where a newer one finds no room. The memory is reserved once and touched as it is
// first used, so adding allocates nothing. Not thread-safe.
class LogQueue {
 public:
  explicit LogQueue(size_t capacity) : capacity_(capacity) { slots_.reserve(capacity); }

  // Returns false if the oldest was dropped: it is then in `added`, for the caller to destroy where it likes.
  bool push(LoggedMeasurement& added) {
    if (slots_.size() < capacity_) {
      slots_.push_back(std::move(added));
      return true;
    }
    std::swap(slots_[oldest_], added);
    oldest_ = oldest_ + 1 == capacity_ ? 0 : oldest_ + 1;
    return false;
  }
  [[nodiscard]] size_t size() const { return slots_.size(); }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  void swap(LogQueue& other) noexcept {
    std::swap(capacity_, other.capacity_);
    std::swap(oldest_, other.oldest_);
    slots_.swap(other.slots_);
  }
  // Calls visit(LoggedMeasurement&) from the oldest to the newest, and is empty then.
  template <typename Visit>
  void drain(const Visit& visit) {
    for (size_t i = 0; i < slots_.size(); ++i) visit(slots_[(oldest_ + i) % slots_.size()]);
    slots_.clear();
    oldest_ = 0;
  }

 private:
  size_t capacity_;
  size_t oldest_ = 0;
  std::vector<LoggedMeasurement> slots_;
};

}  // namespace templar
