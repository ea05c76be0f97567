#include "base/threads/thread_slots.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace templar {
namespace {

TEST(ThreadSlots, GiveWhatIsFree) {
  ThreadSlots slots(5);
  EXPECT_EQ(slots.take_up_to(3), 3);
  EXPECT_EQ(slots.take_up_to(3), 2);
  EXPECT_EQ(slots.try_take(1), 0);
  slots.give_back(1);
  EXPECT_EQ(slots.try_take(3), 1);
  slots.give_back(5);
  EXPECT_EQ(slots.take_up_to(10), 5);
}

TEST(ThreadSlots, HaveAtLeastOne) {
  EXPECT_EQ(ThreadSlots(0).take_up_to(1), 1);
}

TEST(ThreadSlots, LetNoMoreThreadsInThanThereAre) {
  ThreadSlots slots(2);
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        ASSERT_EQ(slots.take_up_to(1), 1);
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        --inside;
        slots.give_back(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 2);
  EXPECT_EQ(slots.try_take(8), 2) << "all are back";
}

}  // namespace
}  // namespace templar
