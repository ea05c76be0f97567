// What all threads of a process that ask one server share: when it says that it is asked too much, all slow
// down.
#pragma once

#include <chrono>
#include <functional>

#include "base/threads/mutex.h"

namespace templar {

// Thread-safe.
class RequestGate {
 public:
  using IsCancelled = std::function<bool()>;  // empty: never

  // Waits while anybody pauses for the server's sake. False: cancelled.
  [[nodiscard]] bool enter(const IsCancelled& is_cancelled);

  // Who pauses, and whether everybody who comes to enter() meanwhile waits as well.
  enum class Pause { kThisThread, kAllThreads };
  // Returns after that time; false, at once, when it is cancelled.
  [[nodiscard]] bool pause(std::chrono::milliseconds time, Pause pause, const IsCancelled& is_cancelled);

 private:
  Mutex mutex_;
  ConditionVariable opened_;
  int closed_by_ GUARDED_BY(mutex_) = 0;  // so many threads pause for the server's sake
};

}  // namespace templar
