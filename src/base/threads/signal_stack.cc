#include "base/threads/signal_stack.h"

#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <memory>

namespace templar {
namespace {

// A handler's frame holds the registers: 3 KiB with AVX-512, 11 KiB with AMX.
constexpr long kFewestBytes = 64 << 10;

class SignalStack {
 public:
  SignalStack() {
    stack_t present{};
    if (::sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;
    const auto bytes = static_cast<size_t>(std::max(::sysconf(_SC_SIGSTKSZ), kFewestBytes));
    memory_ = std::make_unique_for_overwrite<char[]>(bytes);
    const stack_t own{.ss_sp = memory_.get(), .ss_flags = 0, .ss_size = bytes};
    if (::sigaltstack(&own, nullptr) != 0) memory_.reset();
  }
  ~SignalStack() {
    if (memory_ == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    if (::sigaltstack(&none, nullptr) != 0) static_cast<void>(memory_.release());  // it may still be used
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::unique_ptr<char[]> memory_;
};

}  // namespace

void ensure_signal_stack() {
  thread_local const SignalStack stack;
}

}  // namespace templar
