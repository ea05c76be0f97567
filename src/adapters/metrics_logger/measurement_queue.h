// Measurements that were taken and not yet handed on: the front of MetricsLogger.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "ports/metrics_sink.h"

namespace templar {

// Bounded; the oldest goes where a newer one finds no room. The memory is reserved once and touched as it is
// first used, so adding allocates nothing. What was visited stays in its place until an add finds it there
// and hands it back: measurements die on the threads that made them, and so no two threads fight over one
// heap. Not thread-safe.
class MeasurementQueue {
 public:
  explicit MeasurementQueue(size_t capacity) : capacity_(capacity) { slots_.reserve(capacity); }

  // `added` holds afterwards what had the place before, for the caller to destroy where it likes. Returns
  // false if that had not been visited.
  bool push(Measurement& added) {
    const bool has_room = size_ < capacity_;
    const size_t place = (oldest_ + (has_room ? size_ : 0)) % capacity_;
    if (place == slots_.size()) {
      slots_.push_back(std::move(added));
    } else {
      std::swap(slots_[place], added);
    }
    if (has_room) {
      ++size_;
    } else {
      oldest_ = (oldest_ + 1) % capacity_;
    }
    return has_room;
  }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] size_t capacity() const { return capacity_; }
  void swap(MeasurementQueue& other) noexcept {
    std::swap(capacity_, other.capacity_);
    std::swap(oldest_, other.oldest_);
    std::swap(size_, other.size_);
    slots_.swap(other.slots_);
  }
  // Calls visit(const Measurement&) from the oldest to the newest, and is empty then.
  template <typename Visit>
  void drain(const Visit& visit) {
    for (size_t i = 0; i < size_; ++i) visit(std::as_const(slots_[(oldest_ + i) % capacity_]));
    size_ = oldest_ = 0;
  }

 private:
  size_t capacity_;
  size_t oldest_ = 0;
  size_t size_ = 0;
  std::vector<Measurement> slots_;
};

}  // namespace templar
