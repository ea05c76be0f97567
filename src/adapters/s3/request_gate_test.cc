#include "adapters/s3/request_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/call_counter.h"

namespace templar::testing {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kNeverOver = std::chrono::hours(24);

TEST(RequestGate, LetsEverybodyThroughWhileNobodyPausesForTheServer) {
  RequestGate gate;
  EXPECT_TRUE(gate.enter({}));
  EXPECT_TRUE(gate.pause(milliseconds(1), RequestGate::Pause::kThisThread, {}));
  EXPECT_TRUE(gate.pause(milliseconds(1), RequestGate::Pause::kAllThreads, {}));
  EXPECT_TRUE(gate.enter({}));
}

TEST(RequestGate, HoldsEverybodyUpWhileOnePausesForTheServer) {
  RequestGate gate;
  CallCounter pausing;
  std::atomic<bool> is_over = false;
  std::thread slow([&] {
    // It is asked inside the pause, from its beginning on.
    EXPECT_FALSE(gate.pause(kNeverOver, RequestGate::Pause::kAllThreads, [&] {
      pausing.count_call();
      return is_over.load();
    }));
  });
  ASSERT_TRUE(pausing.wait_for_calls(1));
  CallCounter waiting;
  std::atomic<bool> has_entered = false;
  std::thread other([&] {
    EXPECT_TRUE(gate.enter([&] {
      waiting.count_call();
      return false;
    }));
    has_entered = true;
  });
  ASSERT_TRUE(waiting.wait_for_calls(2)) << "it looks again and again whether it is cancelled";
  EXPECT_FALSE(has_entered);
  is_over = true;
  slow.join();
  other.join();
  EXPECT_TRUE(has_entered);
}

TEST(RequestGate, LetsOthersGoOnWhileOnePausesForItself) {
  RequestGate gate;
  CallCounter pausing;
  std::atomic<bool> is_over = false;
  std::thread slow([&] {
    EXPECT_FALSE(gate.pause(kNeverOver, RequestGate::Pause::kThisThread, [&] {
      pausing.count_call();
      return is_over.load();
    }));
  });
  ASSERT_TRUE(pausing.wait_for_calls(1));
  EXPECT_TRUE(gate.enter({}));
  is_over = true;
  slow.join();
}

TEST(RequestGate, IsLeftByWhoIsCancelled) {
  RequestGate gate;
  EXPECT_FALSE(gate.enter([] { return true; }));
  EXPECT_FALSE(gate.pause(kNeverOver, RequestGate::Pause::kAllThreads, [] { return true; }));
  EXPECT_TRUE(gate.enter({})) << "a pause that was cancelled closes nothing";
}

}  // namespace
}  // namespace templar::testing
