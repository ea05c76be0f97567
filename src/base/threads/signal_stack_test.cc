#include "base/threads/signal_stack.h"

#include <gtest/gtest.h>
#include <csignal>

#include <thread>

namespace templar {
namespace {

stack_t stack_of_this_thread() {
  stack_t stack{};
  EXPECT_EQ(::sigaltstack(nullptr, &stack), 0);
  return stack;
}

volatile std::sig_atomic_t ran_on_it = -1;

void look_where_it_runs(int) {
  stack_t stack{};
  ::sigaltstack(nullptr, &stack);
  ran_on_it = (stack.ss_flags & SS_ONSTACK) != 0 ? 1 : 0;
}

TEST(SignalStack, IsWhereAHandlerRuns) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = look_where_it_runs;
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  std::thread([] {
    ensure_signal_stack();
    ::raise(SIGUSR1);
  }).join();
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(ran_on_it, 1);
}

TEST(SignalStack, HoldsTheLargestFrame) {
  std::thread([] {
    ensure_signal_stack();
    EXPECT_GE(stack_of_this_thread().ss_size, 4 * static_cast<size_t>(MINSIGSTKSZ));
  }).join();
}

TEST(SignalStack, LeavesOneThatIsThere) {
  std::thread([] {
    ensure_signal_stack();
    const stack_t first = stack_of_this_thread();
    EXPECT_EQ(first.ss_flags & SS_DISABLE, 0);
    ensure_signal_stack();
    EXPECT_EQ(stack_of_this_thread().ss_sp, first.ss_sp);
  }).join();
}

}  // namespace
}  // namespace templar
