#include "sim/faults/event_queue.h"

#include <algorithm>

namespace templar {

void EventQueue::at(TimestampMs time_ms, std::function<void()> event) {
  events_.emplace(std::pair(std::max(time_ms, now_ms_), asked_++), std::move(event));
}

bool EventQueue::step() {
  if (events_.empty()) return false;
  auto next = events_.extract(events_.begin());
  now_ms_ = next.key().first;
  next.mapped()();
  return true;
}

}  // namespace templar
