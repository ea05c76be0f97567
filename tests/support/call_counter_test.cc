#include "support/call_counter.h"

#include <gtest/gtest.h>

#include <thread>

namespace templar::testing {
namespace {

TEST(CallCounterFixture, ReturnsAsSoonAsTheCallsWereMade) {
  CallCounter counter;
  std::jthread caller([&] {
    for (int i = 0; i < 3; ++i) counter.count_call();
  });
  EXPECT_TRUE(counter.wait_for_calls(3));
  EXPECT_EQ(counter.calls(), 3);
}

TEST(CallCounterFixture, DoesNotWaitForCallsThatWereMadeBefore) {
  CallCounter counter;
  counter.count_call();
  EXPECT_TRUE(counter.wait_for_calls(1, std::chrono::milliseconds(0)));
}

TEST(CallCounterFixture, GivesUpWhenTheTimeIsOver) {
  CallCounter counter;
  counter.count_call();
  EXPECT_FALSE(counter.wait_for_calls(2, std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace templar::testing
