#include "base/threads/cancellation.h"

#include <gtest/gtest.h>

#include <thread>

namespace templar {
namespace {

TEST(CancellationScope, TellsItsThreadThatTheTokenWasStopped) {
  std::stop_source source;
  EXPECT_FALSE(is_thread_cancelled());
  {
    const CancellationScope scope(source.get_token());
    EXPECT_FALSE(is_thread_cancelled());
    source.request_stop();
    EXPECT_TRUE(is_thread_cancelled());
  }
  EXPECT_FALSE(is_thread_cancelled()) << "the scope has ended";
}

TEST(CancellationScope, CountsWithinAnotherOne) {
  std::stop_source outer;
  std::stop_source inner;
  const CancellationScope whole(outer.get_token());
  {
    const CancellationScope part(inner.get_token());
    inner.request_stop();
    EXPECT_TRUE(is_thread_cancelled());
  }
  EXPECT_FALSE(is_thread_cancelled());
  const CancellationScope part({});
  outer.request_stop();
  EXPECT_TRUE(is_thread_cancelled());
}

TEST(CancellationScope, BelongsToItsThread) {
  std::stop_source source;
  source.request_stop();
  const CancellationScope scope(source.get_token());
  bool other = true;
  std::thread([&] { other = is_thread_cancelled(); }).join();
  EXPECT_FALSE(other);
}

}  // namespace
}  // namespace templar
