// How many threads may do something at the same time, whoever they belong to.
#pragma once

#include <algorithm>

#include "base/threads/mutex.h"

namespace templar {

// Thread-safe. What is taken must be given back.
class ThreadSlots {
 public:
  explicit ThreadSlots(int count) : free_(std::max(1, count)) {}

  // Takes as many as are free, at most that many (at least 1), and waits until there is one. Who holds some
  // and takes more may wait for ever.
  [[nodiscard]] int take_up_to(int most) {
    const MutexLock lock(mutex_);
    given_back_.wait(mutex_, [this]() REQUIRES(mutex_) { return free_ > 0; });
    return take_free(most);
  }
  // The same without waiting: 0 if none is free.
  [[nodiscard]] int try_take(int most) {
    const MutexLock lock(mutex_);
    return take_free(most);
  }
  void give_back(int count) {
    {
      const MutexLock lock(mutex_);
      free_ += count;
    }
    given_back_.notify_all();
  }

 private:
  int take_free(int most) REQUIRES(mutex_) {
    const int taken = std::min(free_, most);
    free_ -= taken;
    return taken;
  }

  Mutex mutex_;
  ConditionVariable given_back_;
  int free_ GUARDED_BY(mutex_);
};

}  // namespace templar
