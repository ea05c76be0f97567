// The standard library's mutex and condition variable, known to clang's analysis of locks: members say
// GUARDED_BY(mutex_), functions that need the lock REQUIRES(mutex_), and a build with clang fails where that
// is not so. Sources use these and never std::mutex (tests/source_rules.h).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/threads/thread_annotations.h"

namespace templar {

// Held by one thread at a time; not to be taken again by the thread that holds it.
class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class ConditionVariable;
  friend class MutexLock;
  std::mutex mutex_;
};

// Holds the mutex, which must outlive it, from its making to its end, except between unlock() and lock().
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() RELEASE() {}

  void unlock() RELEASE() { lock_.unlock(); }
  void lock() ACQUIRE() { lock_.lock(); }

 private:
  std::unique_lock<std::mutex> lock_;
};

// Every wait is called with the mutex held, gives it up while it sleeps and returns with it held again. A
// wait without a condition may also return although nobody has notified. A condition is called with the mutex
// held, and says so: [&]() REQUIRES(mutex_) { return ...; }. Different waits at one time must be with one
// mutex.
class ConditionVariable {
 public:
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  void wait(Mutex& mutex) REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait(held.lock);
  }

  // Until the condition is true. Here and below the analysis is off, because it cannot tell that the lock
  // that the condition names is this mutex; the callers are checked all the same.
  template <typename Condition>
  void wait(Mutex& mutex, Condition condition) REQUIRES(mutex) NO_THREAD_SAFETY_ANALYSIS {
    Held held(mutex);
    condition_.wait(held.lock, condition);
  }

  // Until it is notified; at most that long.
  void wait_for(Mutex& mutex, std::chrono::nanoseconds at_most) REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait_for(held.lock, at_most);
  }

  // Until the condition is true; at most that long. Returns whether it is true at the end.
  template <typename Condition>
  bool wait_for(Mutex& mutex, std::chrono::nanoseconds at_most, Condition condition)
      REQUIRES(mutex) NO_THREAD_SAFETY_ANALYSIS {
    Held held(mutex);
    return condition_.wait_for(held.lock, at_most, condition);
  }

 private:
  // The mutex, held by the caller before and afterwards, as the standard library wants to see it.
  struct Held {
    explicit Held(Mutex& mutex) : lock(mutex.mutex_, std::adopt_lock) {}
    ~Held() { static_cast<void>(lock.release()); }
    std::unique_lock<std::mutex> lock;
  };

  std::condition_variable condition_;
};

}  // namespace templar
