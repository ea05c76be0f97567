// Waiting until something was called, without sleeping.
#pragma once

#include <chrono>

#include "base/threads/mutex.h"

namespace templar::testing {

// Give the code under test a callback that calls count_call(), and wait for it here. Thread-safe.
class CallCounter {
 public:
  void count_call() {
    const MutexLock lock(mutex_);
    ++calls_;
    called_.notify_all();
  }
  [[nodiscard]] int calls() const {
    const MutexLock lock(mutex_);
    return calls_;
  }
  // Returns as soon as there were that many calls; false if there were fewer when the time was over. The time
  // only bounds a test that fails: give it generously.
  [[nodiscard]] bool wait_for_calls(int calls,
                                    std::chrono::milliseconds at_most = std::chrono::seconds(60)) const {
    MutexLock lock(mutex_);
    return called_.wait_for(mutex_, at_most, [&]() REQUIRES(mutex_) { return calls_ >= calls; });
  }

 private:
  mutable Mutex mutex_;
  mutable ConditionVariable called_;
  int calls_ GUARDED_BY(mutex_) = 0;
};

}  // namespace templar::testing
