// How long something has been waited for by a process that may itself have stood still.
#pragma once

#include <algorithm>

namespace templar {

// Counts the time between two looks, but of a long one only kLongestGapSeconds: a process that was stopped
// (Ctrl-Z, a scheduler, a machine that slept) has not waited for anybody, and those that it watches may have
// been stopped with it. Times are of any clock that only goes forward, in seconds.
class AttendedTime {
 public:
  static constexpr double kLongestGapSeconds = 1;

  void restart(double now) {
    seconds_ = 0;
    looked_at_ = now;
  }
  void look(double now) {
    seconds_ += std::min(now - looked_at_, kLongestGapSeconds);
    looked_at_ = now;
  }
  // Up to the last look.
  [[nodiscard]] double seconds() const { return seconds_; }

 private:
  double seconds_ = 0;
  double looked_at_ = 0;
};

}  // namespace templar
