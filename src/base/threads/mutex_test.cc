#include "base/threads/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace templar {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A number that threads change, with all that the lock offers.
class Counter {
 public:
  void add(int64_t summand) {
    {
      const MutexLock lock(mutex_);
      value_ += summand;
    }
    changed_.notify_all();
  }
  // Adds twice, and lets others in between.
  void add_in_two_steps(int64_t summand) {
    MutexLock lock(mutex_);
    value_ += summand;
    lock.unlock();
    changed_.notify_all();
    std::this_thread::yield();
    lock.lock();
    value_ += summand;
    changed_.notify_all();
  }
  int64_t wait_until_at_least(int64_t value) {
    const MutexLock lock(mutex_);
    changed_.wait(mutex_, [&]() REQUIRES(mutex_) { return value_ >= value; });
    return value_;
  }
  int64_t wait_in_a_loop_until_at_least(int64_t value) {
    const MutexLock lock(mutex_);
    while (value_ < value) changed_.wait(mutex_);
    return value_;
  }
  bool reaches(int64_t value, milliseconds at_most) {
    const MutexLock lock(mutex_);
    return changed_.wait_for(mutex_, at_most, [&]() REQUIRES(mutex_) { return value_ >= value; });
  }
  void wait_for_a_moment() {
    const MutexLock lock(mutex_);
    changed_.wait_for(mutex_, milliseconds(1));
  }

 private:
  Mutex mutex_;
  ConditionVariable changed_;
  int64_t value_ GUARDED_BY(mutex_) = 0;
};

TEST(Mutex, LetsOneThreadInAtATime) {
  Counter counter;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) counter.add(1);
      });
    }
  }
  EXPECT_EQ(counter.wait_until_at_least(0), 40'000);
}

TEST(Mutex, IsFreeBetweenUnlockAndLock) {
  Counter counter;
  std::jthread other([&] { counter.add_in_two_steps(1); });
  counter.add_in_two_steps(1);
  EXPECT_EQ(counter.wait_until_at_least(4), 4);
}

TEST(ConditionVariable, WaitsUntilTheConditionIsTrueAndHoldsTheMutexAfterwards) {
  Counter counter;
  std::jthread other([&] {
    for (int i = 0; i < 100; ++i) counter.add(1);
  });
  EXPECT_GE(counter.wait_until_at_least(50), 50);
  EXPECT_EQ(counter.wait_in_a_loop_until_at_least(100), 100);
  counter.add(1);
  EXPECT_EQ(counter.wait_until_at_least(101), 101);
}

TEST(ConditionVariable, SaysWhetherTheConditionBecameTrueInTime) {
  Counter counter;
  EXPECT_FALSE(counter.reaches(1, milliseconds(1)));
  std::jthread other([&] { counter.add(1); });
  EXPECT_TRUE(counter.reaches(1, seconds(60)));
}

TEST(ConditionVariable, EndsAWaitThatNobodyNotifies) {
  Counter counter;
  counter.wait_for_a_moment();
  counter.add(1);
  EXPECT_TRUE(counter.reaches(1, milliseconds(0)));
}

}  // namespace
}  // namespace templar
