// Virtual time: what is to happen, in the order of its moments.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/clock.h"

namespace templar {

// The time is that of the event that happens now. One thread at a time.
class EventQueue final : public Clock {
 public:
  [[nodiscard]] TimestampMs now_ms() const override { return now_ms_; }
  // Not before now; of one moment those first that were asked for first.
  void at(TimestampMs time_ms, std::function<void()> event);
  void after(int64_t delay_ms, std::function<void()> event) { at(now_ms_ + delay_ms, std::move(event)); }
  // Lets the next one happen; false if there is none.
  bool step();

 private:
  TimestampMs now_ms_ = 0;
  uint64_t asked_ = 0;
  std::map<std::pair<TimestampMs, uint64_t>, std::function<void()>> events_;
};

}  // namespace templar
