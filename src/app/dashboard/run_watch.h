// A run that several threads look at: one reads its files, the others wait for news.
#pragma once

#include <functional>
#include <thread>

#include "app/run/run_follower.h"
#include "base/threads/mutex.h"

namespace templar {

// Thread-safe. Reads everything once at the start, and from then on only while somebody asks or waits.
class RunWatch {
 public:
  explicit RunWatch(RunFollower follower);
  ~RunWatch() { stop(); }

  // Calls look with what is known now, after everything that has been written was read: except in the first
  // moments, while a long run is being read.
  void look(const std::function<void(const RunKnowledge&)>& look);
  // Waits until the run's revision or life is another one; at most so long. Returns at once if too many are
  // waiting already.
  void wait_for_news(uint64_t life, uint64_t revision, double seconds);
  // Ends the reading and every waiting.
  void stop();

 private:
  void read_news() REQUIRES(mutex_);
  void read_all(const std::stop_token& stop);

  Mutex mutex_;
  ConditionVariable changed_;
  RunFollower follower_ GUARDED_BY(mutex_);
  bool caught_up_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
  int waiting_ GUARDED_BY(mutex_) = 0;
  std::jthread reader_;
};

}  // namespace templar
